//! The account, the region and the certificates that requests use: options, environment and AWS configuration files.

use std::fs;
use std::process::Command;

use rstest::rstest;
use serde_json::json;

use crate::doctor::{findings_in, of};
use crate::server::{ReceivedRequest, Reply, Server};
use crate::world::World;

const MODEL: [&str; 4] = ["--model", "claude-haiku-4-5", "--probe", "--endpoint-url"];

/// Answers for STS at "/", and for Bedrock elsewhere.
fn account_and_model(_: usize, request: &ReceivedRequest) -> Reply {
    if request.path == "/" { identity() } else { Reply::text("Yes") }
}

fn identity() -> Reply {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                <Arn>arn:aws:iam::123456789012:user/mina</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    Reply::Body { status: 200, header: XML, body: body.to_owned() }
}

/// Writes the AWS configuration files.
fn configure(world: &World, config: &str, credentials: &str) {
    let folder = world.path().join("home/.aws");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("config"), config).expect("a file");
    fs::write(folder.join("credentials"), credentials).expect("a file");
}

const XML: (&str, &str) = ("content-type", "text/xml");
const WORK: &str = "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = secret\n";

/// Runs doctor and returns the credentials of each request.
async fn credentials_of(arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Vec<String> {
    let server = Server::start(account_and_model).await;
    let world = World::new(1, &server.url());
    configure(&world, "[profile work]\nregion = us-east-1\n", WORK);
    let url = server.url();
    let arguments = [&MODEL, &[url.as_str()][..], arguments].concat();
    let (found, code) = findings_in(&world, &arguments, prepare).await;
    assert_eq!(code, 0, "{found:?}");
    if arguments.contains(&"work") {
        assert!(of(&found, "credentials").1.ends_with(", profile work"), "{found:?}");
    }
    server.requests().into_iter().map(|request| request.authorization).collect()
}

#[rstest]
#[case::keys("AWS_ACCESS_KEY_ID", "AKIDENV")]
#[case::api_key("AWS_BEARER_TOKEN_BEDROCK", "token")]
#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_profile_comes_before_the_environment(#[case] variable: &str, #[case] value: &str) {
    let environment = |command: &mut Command| {
        command.env(variable, value);
    };
    let chosen = credentials_of(&["--profile", "work"], environment).await;
    assert!(chosen.len() == 2 && chosen.iter().all(|header| header.contains("Credential=AKIDWORK/")), "{chosen:?}");
    let others = credentials_of(&["--region", "us-east-1"], environment).await;
    assert!(!others.is_empty() && others.iter().all(|header| header.contains(value)), "{others:?}");
    // Like in the AWS CLI.
    let variable = credentials_of(&["--region", "us-east-1"], |command| {
        environment(command);
        command.env("AWS_PROFILE", "work");
    });
    assert!(variable.await.iter().all(|header| header.contains(value)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_does_not_exist_is_an_error_with_the_others() {
    let world = World::new(1, "http://127.0.0.1:9");
    configure(&world, "[profile staging]\nregion = us-east-1\n", WORK);
    let (found, code) = findings_in(&world, &["--profile", "wrok"], |_| {}).await;
    assert_eq!((of(&found, "profile").0, code), ("fail", 3));
    assert_eq!(of(&found, "profile").1, "no AWS profile \"wrok\": use one of staging, work");
}

#[rstest]
#[case::option(&["--region", "us-esat-1"], "", "")]
#[case::variable(&[], "us-esat-1", "")]
#[case::file(&[], "", "[default]\nregion = us-esat-1\n")]
#[case::profile(&["--profile", "work"], "", "[profile work]\nregion = us-esat-1\n")]
#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_region_is_an_error_before_anything_is_sent(
    #[case] arguments: &[&str],
    #[case] variable: &str,
    #[case] config: &str,
) {
    let world = World::new(1, "http://127.0.0.1:9");
    configure(&world, config, WORK);
    let arguments = [&["--describer", "bedrock"], arguments].concat();
    let (found, code) = findings_in(&world, &arguments, |command| {
        command.env("AWS_REGION", variable);
    })
    .await;
    let (level, message) = of(&found, "describer");
    assert_eq!((level, code), ("fail", 3), "{found:?}");
    assert!(message.contains("\"us-esat-1\"") && message.contains("closest name is us-east-1"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_region_of_the_configuration_selects_models_and_prices() {
    let world = World::new(1, "http://127.0.0.1:9");
    let profiles = "[default]\nregion = eu-west-1\n[profile gov]\nregion = us-gov-west-1\n\
                    [profile base]\nregion = sa-east-1\n[profile role]\nrole_arn = a\nsource_profile = base\n";
    configure(&world, profiles, WORK);
    let model = async |arguments: &[&str], region: &str| {
        let arguments = [&["generate", "--dry-run", "--json", "--describer", "bedrock"], arguments].concat();
        let mut command = world.command(&[&arguments[..], &["--model", "claude-haiku-5-5"]].concat());
        command.env("AWS_REGION", region);
        let output = crate::world::output_of(command).await;
        let table: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        table["cost_usd"].as_str().map(str::to_owned).expect("a cost")
    };
    let [eu, gov, role] =
        [&[][..], &["--profile", "gov"], &["--profile", "role"]].map(|arguments| model(arguments, ""));
    let costs = [eu.await, gov.await, role.await].map(|cost| cost.parse::<f64>().expect("a number"));
    // 10 % more than the global profile, which is the only one for sa-east-1, and 20 % more.
    assert!((costs[0] / costs[2] - 1.1).abs() < 1e-6 && (costs[1] / costs[2] - 1.2).abs() < 1e-6, "{costs:?}");
    let variable = model(&["--profile", "gov"], "sa-east-1").await.parse::<f64>().expect("a number");
    assert!((variable - costs[2]).abs() < 1e-12, "the variable comes before the profile");
}

#[rstest]
#[case("[default]\nregion = us-east-1\nthis is not a setting\n", "config:3: ")]
#[case("[default\n", "config:1: ")]
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_configuration_file_is_named_with_the_line(#[case] config: &str, #[case] place: &str) {
    let world = World::new(1, "http://127.0.0.1:9");
    configure(&world, config, WORK);
    let (found, code) = findings_in(&world, &["--profile", "work"], |_| {}).await;
    assert_eq!((of(&found, "profile").0, code), ("fail", 3), "{found:?}");
    let message = of(&found, "profile").1;
    assert!(message.contains(&format!("home/.aws/{place}")) && message.contains("correct the file"), "{message}");
    // Keys and a region from elsewhere do not need the file.
    let server = Server::start(account_and_model).await;
    let url = server.url();
    let arguments = [&MODEL, &[url.as_str(), "--region", "us-east-1"][..]].concat();
    let (found, code) = findings_in(&world, &arguments, |_| {}).await;
    assert_eq!(code, 0, "{found:?}");
}

#[rstest]
#[case::denied(Reply::Body { status: 403, header: XML, body: "<ErrorResponse><Error><Code>AccessDenied\
    </Code><Message>User is not authorized to perform: sts:GetCallerIdentity</Message></Error></ErrorResponse>".into() })]
#[case::proxy(Reply::Body { status: 403, header: ("content-type", "text/html"), body: "<html>Blocked</html>".to_owned() })]
#[case::reset(Reply::Reset)]
#[tokio::test(flavor = "multi_thread")]
async fn doctor_continues_if_sts_is_blocked(#[case] blocked: Reply) {
    let script = move |_, request: &ReceivedRequest| {
        if request.path == "/" { blocked.clone() } else { Reply::text("Yes") }
    };
    let server = Server::start(script).await;
    let world = World::new(1, &server.url());
    let url = server.url();
    let arguments = [&MODEL, &[url.as_str(), "--region", "us-east-1"][..]].concat();
    let (found, code) = findings_in(&world, &arguments, |_| {}).await;
    assert_eq!((of(&found, "credentials").0, code), ("warn", 0), "{found:?}");
    assert!(of(&found, "credentials").1.starts_with("account unknown"), "{found:?}");
    assert!(of(&found, "model").1.contains("responds"), "{found:?}");
}

/// The metadata service of an EC2 instance, with or without a role.
fn metadata(has_role: bool) -> impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync {
    const TTL: (&str, &str) = ("x-aws-ec2-metadata-token-ttl-seconds", "60");
    const ROLE: &str = "/latest/meta-data/iam/security-credentials/";
    let text = |body: &str| Reply::Body { status: 200, header: TTL, body: body.to_owned() };
    move |_, request| match request.path.as_str() {
        "/latest/api/token" => text("token"),
        ROLE if has_role => text("recaption"),
        "/latest/meta-data/placement/region" => text("us-east-1"),
        path if has_role && path.strip_prefix(ROLE) == Some("recaption") => text(
            &json!({
                "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAROLE", "SecretAccessKey": "secret",
                "Token": "session", "LastUpdated": "2026-11-30T00:00:00Z", "Expiration": "2036-11-30T00:00:00Z",
            })
            .to_string(),
        ),
        _ => Reply::Body { status: 404, header: TTL, body: String::new() },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_an_instance_selects_bedrock() {
    let instance = Server::start(metadata(true)).await;
    let bedrock = Server::start(account_and_model).await;
    let world = World::new(1, &bedrock.url());
    let environment = |endpoint: String| {
        move |command: &mut Command| {
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"] {
                command.env_remove(name);
            }
            command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
        }
    };
    let url = bedrock.url();
    let arguments = [&MODEL, &[url.as_str()][..]].concat();
    let (found, code) = findings_in(&world, &arguments, environment(instance.url())).await;
    assert_eq!((of(&found, "describer").1, code), ("bedrock", 0), "{found:?}");
    assert!(bedrock.requests().iter().all(|request| request.authorization.contains("Credential=ASIAROLE/")));

    let without = Server::start(metadata(false)).await;
    for endpoint in [without.url(), "http://127.0.0.1:9".to_owned(), "ftp://nowhere".to_owned()] {
        let (found, code) = findings_in(&world, &[], environment(endpoint)).await;
        assert!(of(&found, "describer").1.starts_with("local"), "{found:?}");
        assert_eq!(code, 0);
    }
}
