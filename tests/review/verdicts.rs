//! Snapshots of verification: a run, findings, findings as a reason, consent, and a spot check before and after the
//! reviewer's verdict.

use insta::assert_snapshot;
use ratatui::buffer::Cell;
use ratatui::style::Modifier;
use recaption::describe::{DescriberStatus, Dollars, Tokens, Usage};
use recaption::engine::EngineEvent;
use recaption::review::VerifierSettings;
use recaption::session::SampleRequest;
use rstest::rstest;

use crate::screens::screen;
use crate::spot_check;
use crate::verifying::{self, verify};
use crate::world::World;

const CAPTIONS: [&str; 4] = [
    "A woman with black hair, in a long red coat and white trainers, smiling, in front of a shop window.",
    "A man in a hat.",
    "A girl outdoors.",
    "A boy.",
];

fn world(change: impl FnOnce(&mut recaption::review::Settings)) -> World {
    World::with(&CAPTIONS, |settings| {
        "street-fashion".clone_into(&mut settings.dataset);
        settings.rules.max_words = 50;
        settings.verifier = Some(verifying::settings(None));
        change(settings);
    })
}

fn found() -> World {
    let mut world = world(|_| {});
    verify(&mut world, &["long red coat", "smiling"], &["a shoulder bag"]);
    world
}

#[rstest]
#[case(80, 24)]
#[case(120, 41)]
#[case(200, 55)]
fn findings(#[case] width: u16, #[case] height: u16) {
    let mut world = found();
    let terminal = screen(&mut world, width, height, false);
    let cells = &terminal.backend().buffer().content;
    let underlined: String =
        cells.iter().filter(|cell| cell.modifier.contains(Modifier::UNDERLINED)).map(Cell::symbol).collect();
    // A phrase may be wrapped, and the space between its words with it.
    assert_eq!(underlined.replace(' ', ""), "longredcoatsmiling");
    assert_snapshot!(format!("findings_{width}x{height}"), terminal.backend());
}

#[test]
fn findings_in_ascii() {
    let mut world = found();
    let terminal = screen(&mut world, 80, 24, true);
    let ours = terminal.backend().to_string().replace(['“', '”'], "");
    assert!(ours.is_ascii(), "{ours}");
    assert_snapshot!("findings_ascii", terminal.backend());
}

#[rstest]
#[case(80, 24)]
#[case(120, 41)]
#[case(200, 55)]
fn a_run(#[case] width: u16, #[case] height: u16) {
    let mut world = world(|_| {});
    verify(&mut world, &[], &[]);
    world.keys("ctrl-a V");
    let specs = world.asks();
    verifying::end(&mut world, &specs[0], verifying::verdict(CAPTIONS[1], &["hat"], &[]));
    assert_snapshot!(format!("verifying_{width}x{height}"), screen(&mut world, width, height, false).backend());
}

#[rstest]
#[case(80, 24)]
#[case(120, 41)]
fn findings_are_offered_as_a_reason(#[case] width: u16, #[case] height: u16) {
    let mut world = found();
    screen(&mut world, width, height, false);
    world.keys("R");
    assert_snapshot!(
        format!("findings_as_reason_{width}x{height}"),
        screen(&mut world, width, height, false).backend()
    );
}

/// A paid verifier that also verifies new candidates of a paid describer, within one budget.
#[rstest]
#[case("V", "consent_to_verify")]
#[case("ctrl-a V", "consent_to_verify_all")]
#[case("r", "consent_to_describe_and_verify")]
fn consent(#[case] keys: &str, #[case] name: &str) {
    let usage = |cost: &str| {
        let cost = cost.parse::<Dollars>().expect("dollars").into();
        Usage { tokens: Tokens { input: 2_000, output: 60 }, cost }
    };
    let mut world = world(|settings| {
        settings.describer = Some("bedrock".to_owned());
        settings.price = Some(usage("0.0068"));
        settings.verifier = Some(VerifierSettings {
            name: "bedrock".to_owned(),
            price: Some(usage("0.0003")),
            auto: true,
            ..verifying::settings(None)
        });
    });
    let status = |model: &str, spent: &str| DescriberStatus {
        model: format!("{model} · us-east-1"),
        budget: Some("2".parse().expect("dollars")),
        spent: spent.parse().expect("dollars"),
        ..DescriberStatus::default()
    };
    world.send(EngineEvent::Describer(status("claude-sonnet-4-6", "0.15")));
    // The last one to send a request knows the amount.
    world.send(EngineEvent::Verifier(status("claude-haiku-5-5", "0.18")));
    screen(&mut world, 80, 24, false);
    world.keys(keys);
    let drawn = screen(&mut world, 80, 24, false).backend().to_string();
    assert!(drawn.contains("claude-haiku-5-5") && drawn.contains("It stops at the budget of $2.00"), "{drawn}");
    let asked = drawn.split_once("this costs money").expect("a question").1;
    assert_eq!(asked.contains("claude-sonnet-4-6"), keys == "r", "{drawn}");
    assert_snapshot!(name, drawn);
    world.keys("n");
    let drawn = screen(&mut world, 120, 41, false).backend().to_string();
    assert!(drawn.contains("$0.18 of $2.00"), "{drawn}");
}

/// A spot check of which the first caption is verified, and not judged yet.
fn check() -> World {
    let request = SampleRequest { size: 2, seed: 7, by: None, blind: false };
    let mut world = world(|settings| settings.sample = Some(request.clone()));
    let mut sample = spot_check::sample_of(&world.model.ledger, &[0, 1], &CAPTIONS);
    sample.request = request;
    world.send(EngineEvent::Sampled(Ok(Box::new(sample))));
    verify(&mut world, &["long red coat"], &["a shoulder bag"]);
    world
}

#[test]
fn a_spot_check_hides_findings_until_the_verdict() {
    let mut world = check();
    let hidden = screen(&mut world, 80, 24, false).backend().to_string();
    assert!(!hidden.contains("shoulder bag") && !hidden.contains("unsupported"), "{hidden}");
    assert_snapshot!("findings_hidden", hidden);
    world.keys("b 3 k");
    let shown = screen(&mut world, 80, 24, false).backend().to_string();
    assert!(shown.contains("shoulder bag"), "{shown}");
    assert_snapshot!("findings_after_the_verdict", shown);
}

#[rstest]
#[case(80, 24)]
#[case(120, 41)]
fn the_report_calibrates_the_verifier(#[case] width: u16, #[case] height: u16) {
    let mut world = check();
    world.keys("b 3 x g s");
    let figures = world.figures();
    let dataset = "street-fashion".to_owned();
    let figures = recaption::report::Figures { dataset, spot: world.model.spot_figures(), ..figures };
    world.send(EngineEvent::Statistics(Ok(Box::new(figures))));
    assert_snapshot!(format!("calibration_{width}x{height}"), screen(&mut world, width, height, false).backend());
}
