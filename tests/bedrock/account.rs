//! The account, the region and the certificates that requests use: options, environment and AWS configuration files.

use std::fs;
use std::process::Command;

use rstest::rstest;
use serde_json::json;

use crate::doctor::{findings_in, of};
use crate::server::{ReceivedRequest, Reply, Server, identity};
use crate::tls_proxy::{CERTIFICATE, tls_proxy};
use crate::world::{World, output_of};

const MODEL: [&str; 4] = ["--model", "claude-haiku-4-5", "--probe", "--endpoint-url"];

/// Answers for STS at "/", and for Bedrock elsewhere.
fn account_and_model(_: usize, request: &ReceivedRequest) -> Reply {
    if request.path == "/" { identity() } else { Reply::text("Yes") }
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
    let server = Server::start_with_sts(account_and_model).await;
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
    // Without any credentials, a chosen profile still means Bedrock, not the embedded describer.
    configure(&world, "", "");
    let (found, code) = findings_in(&world, &["--profile", "work"], |command| {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    })
    .await;
    assert_eq!((of(&found, "describer").1, code), ("bedrock", 3), "{found:?}");
    assert!(of(&found, "profile").1.contains("aws configure --profile"), "{found:?}");
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
        let output = output_of(command).await;
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
    let server = Server::start_with_sts(account_and_model).await;
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
    let server = Server::start_with_sts(script).await;
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
    let bedrock = Server::start_with_sts(account_and_model).await;
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

const PROFILE: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";

/// Answers for an application inference profile of two models, or refuses to.
fn profile_of(models: &'static [&'static str]) -> impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync {
    move |_, request| {
        if !request.path.starts_with("/inference-profiles/") {
            return Reply::text("A person in a blue coat stands in a quiet street.");
        }
        if models.is_empty() {
            let message = "User: arn:aws:iam::123456789012:user/mina is not authorized to perform: \
                           bedrock:GetInferenceProfile on resource: x";
            return Reply::Error { status: 403, code: "AccessDeniedException", message: message.to_owned() };
        }
        let arns = models.iter().map(|model| json!({ "modelArn": model })).collect::<Vec<_>>();
        let profile = json!({
            "inferenceProfileName": "team", "inferenceProfileArn": PROFILE, "inferenceProfileId": "a1b2c3",
            "status": "ACTIVE", "type": "APPLICATION", "models": arns,
        });
        Reply::Body { status: 200, header: ("content-type", "application/json"), body: profile.to_string() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_inference_profile_has_the_price_and_settings_of_its_model() {
    const MODELS: [&str; 2] = [
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5",
        "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-5-5",
    ];
    let server = Server::start(profile_of(&MODELS)).await;
    let world = World::new(2, &server.url());
    let arguments = world.generate_arguments(&["--model", PROFILE, "--budget", "1"]);
    // Without --yes: the price is known.
    let arguments: Vec<&str> = arguments.into_iter().filter(|argument| *argument != "--yes").collect();
    let output = output_of(world.command(&arguments)).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let table: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // 1500 input and 60 output tokens at $0.0022 and $0.011 per 1,000, twice.
    assert_eq!(table["cost_usd"], "0.00792");
    let requests = server.requests();
    let described: Vec<_> = requests.iter().filter(|request| !request.path.starts_with("/inference")).collect();
    assert_eq!(described.len(), 2);
    for request in described {
        assert_eq!(request.body["additionalModelRequestFields"], json!({ "thinking": { "type": "between_tools" } }));
        assert_eq!(request.body["inferenceConfig"]["temperature"], serde_json::Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_cannot_be_read_has_an_unknown_price() {
    let server = Server::start(profile_of(&[])).await;
    let world = World::new(2, &server.url());
    for (limit, expected) in [("--budget=1", "--budget needs the price"), ("--confirm-above=100", "is unknown")] {
        let arguments = world.generate_arguments(&["--model", PROFILE, limit]);
        let arguments: Vec<&str> = arguments.into_iter().filter(|argument| *argument != "--yes").collect();
        let output = output_of(world.command(&arguments)).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && errors.contains(expected), "{errors}");
        assert!(errors.contains("missing IAM permission bedrock:GetInferenceProfile"), "{errors}");
    }
    let (table, code) = world.generate(&["--model", PROFILE]).await;
    assert_eq!((&table["described"], &table["cost_usd"], code), (&json!(2), &json!(null), 0), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_which_models_the_region_offers() {
    let offered = "us.anthropic.claude-sonnet-4-6";
    let script = move |_, request: &ReceivedRequest| {
        assert_eq!(request.path, "/inference-profiles");
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x";
        let profile = json!({ "inferenceProfileName": "x", "inferenceProfileArn": arn, "inferenceProfileId": offered,
            "status": "ACTIVE", "type": "SYSTEM_DEFINED", "models": [] });
        let body = json!({ "inferenceProfileSummaries": [profile] }).to_string();
        Reply::Body { status: 200, header: ("content-type", "application/json"), body }
    };
    let server = Server::start(script).await;
    let world = World::new(1, &server.url());
    let url = server.url();
    let arguments = ["--region", "us-east-1", "--endpoint-url", &url];
    let (found, code) = findings_in(&world, &arguments, |_| {}).await;
    assert_eq!(code, 0);
    let models: Vec<_> = found.iter().filter(|(about, ..)| about == "model").collect();
    let missing = |message: &str| message.contains("is not offered in us-east-1");
    assert!(models.len() > 1 && models.iter().filter(|(.., message)| !missing(message)).count() == 1, "{models:?}");
    assert!(models.iter().any(|(_, level, message)| level == "ok" && message.contains(offered)), "{models:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_names_the_model_and_the_date_of_its_price_and_sends_nothing() {
    let server = Server::start(profile_of(&[])).await;
    let world = World::new(2, &server.url());
    let arguments = world.generate_arguments(&["--model", "claude-haiku-5-5", "--dry-run"]);
    let output = output_of(world.command(&arguments)).await;
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let price = "$0.00011 in, $0.00055 out for 1,000 tokens on 2026-11-29";
    assert_eq!((&plan["model"], &plan["price"]), (&json!("claude-haiku-5-5"), &json!(price)), "{plan}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_what_a_support_case_needs_and_no_caption() {
    let refusal = || Reply::Error { status: 503, code: "ServiceUnavailableException", message: "later".to_owned() };
    let server = Server::start(move |number, _| if number == 0 { refusal() } else { Reply::text("A secret coat.") });
    let server = server.await;
    let world = World::new(1, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--log", "run.log"]).await;
    assert_eq!(code, 0, "{table}");
    let log = fs::read_to_string(world.path().join("run.log")).expect("a log");
    let line = |event: &str| log.lines().find(|line| line.contains(event)).unwrap_or_else(|| panic!("{event}: {log}"));
    assert!(line("AWS rejected the request").contains("request-0"), "{log}");
    for fact in
        ["us.anthropic.claude-sonnet-4-6", "request-1", "first_token", "elapsed", "input=1500", "output=60", "cost=$"]
    {
        assert!(line("response complete").contains(fact), "{fact}: {log}");
    }
    let account = line("account determined");
    assert!(account.contains("account 123456789012") && account.contains("us-east-1"), "{log}");
    assert!(!log.contains("secret"), "no caption and no key: {log}");
}

/// Writes the cache of `aws login` for the session of the test. The file name is the SHA-256 of its ARN.
fn sign_in(world: &World) {
    let folder = world.path().join("home/.aws/login/cache");
    fs::create_dir_all(&folder).expect("a folder");
    let token = json!({
        "accessToken": {
            "accessKeyId": "ASIALOGIN", "secretAccessKey": "secret", "sessionToken": "session",
            "accountId": "123456789012", "expiresAt": "2036-11-30T00:00:00Z",
        },
        "tokenType": "aws_sigv4", "refreshToken": "refresh", "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": include_str!("tls/key.pem"),
    });
    let name = "af91af3bb6d158ee5fb90d7c50d8b667fd368ea696872ab97a5504ad19f704da.json";
    fs::write(folder.join(name), token.to_string()).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_aws_login_is_used() {
    let server = Server::start_with_sts(account_and_model).await;
    let world = World::new(1, &server.url());
    configure(&world, "[default]\nregion = us-east-1\nlogin_session = arn:aws:iam::123456789012:user/mina\n", "");
    sign_in(&world);
    let url = server.url();
    let arguments = [&MODEL, &[url.as_str()][..]].concat();
    let (found, code) = findings_in(&world, &arguments, |command| {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    })
    .await;
    assert_eq!((of(&found, "describer").1, code), ("bedrock", 0), "{found:?}");
    assert!(server.requests().iter().all(|request| request.authorization.contains("Credential=ASIALOGIN/")));
}

#[rstest]
#[case::variable("", &[("AWS_CA_BUNDLE", CERTIFICATE)], true)]
#[case::setting("ca_bundle", &[], true)]
#[case::system("", &[("SSL_CERT_FILE", CERTIFICATE)], true)]
#[case::neither("", &[], false)]
#[tokio::test(flavor = "multi_thread")]
async fn the_certificates_of_the_bundle_are_trusted(
    #[case] setting: &str,
    #[case] variables: &[(&str, &str)],
    #[case] trusted: bool,
) {
    let server = Server::start_with_sts(account_and_model).await;
    let url = tls_proxy(&server.url()).await;
    let world = World::new(1, &url);
    let setting = if setting.is_empty() { String::new() } else { format!("{setting} = {CERTIFICATE}\n") };
    configure(&world, &format!("[default]\nregion = us-east-1\n{setting}"), "");
    let arguments = [&MODEL, &[url.as_str()][..]].concat();
    let (found, code) = findings_in(&world, &arguments, |command| {
        command.envs(variables.iter().copied());
    })
    .await;
    assert_eq!(code == 0, trusted, "{found:?}");
    assert_eq!(of(&found, "credentials").0 == "ok", trusted, "{found:?}");
    assert_eq!(!server.requests().is_empty(), trusted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_bundle_is_named() {
    let world = World::new(1, "http://127.0.0.1:9");
    let (found, code) = findings_in(&world, &["--region", "us-east-1"], |command| {
        command.env("AWS_CA_BUNDLE", "nowhere.pem");
    })
    .await;
    assert_eq!((of(&found, "certificates").0, code), ("fail", 3), "{found:?}");
    assert!(of(&found, "certificates").1.contains("nowhere.pem"), "{found:?}");
}
