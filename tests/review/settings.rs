//! Settings changed during a review: the describer, review-ahead, the theme. And exports.

use std::sync::Arc;

use futures::stream::{self, BoxStream};
use recaption::describe::{Describer, DescriptionEvent, Dollars, Priority, Request, Tokens, Usage};
use recaption::review::{ChosenDescriber, Effect, ExportRequest, Mode, Msg};
use rstest::rstest;

use crate::world::World;

struct Named {
    name: &'static str,
    price: Option<Usage>,
}

impl Describer for Named {
    fn name(&self) -> &str {
        self.name
    }

    fn describe(&self, _: Request, _: Priority) -> BoxStream<'static, DescriptionEvent> {
        Box::pin(stream::empty())
    }

    fn estimate(&self, _: Option<(u32, u32)>) -> Option<Usage> {
        self.price
    }
}

fn cent() -> Usage {
    let cost = Dollars::from_billionths(10_000_000).into();
    Usage { tokens: Tokens { input: 2000, output: 100 }, cost }
}

fn choose(world: &mut World, name: &'static str, price: Option<Usage>) {
    world.keys(":").write(&format!("describer {name}")).keys("Enter");
    assert_eq!(world.asked.pop(), Some(Effect::ChooseDescriber { name, model: None }));
    world.send(Msg::DescriberChosen(Ok(ChosenDescriber(Some(Arc::new(Named { name, price }))))));
}

fn records(world: &mut World) -> Vec<u32> {
    world.asks().iter().map(|ask| ask.record.0).collect()
}

#[test]
fn a_free_describer_chosen_in_the_review_describes_ahead() {
    let mut world = World::with(&["One.", "Two.", "Three.", "Four."], |settings| settings.describer = None);
    world.keys(":").write("ahead 2").keys("Enter");
    assert!(world.notice().contains(":describer"), "{}", world.notice());
    choose(&mut world, "openai", None);
    assert_eq!(records(&mut world), [] as [u32; 0], "not before it is asked for");
    world.keys(":").write("ahead 2").keys("Enter");
    assert_eq!(records(&mut world), [0, 1, 2]);
    world.keys(":").write("ahead 0").keys("Enter");
    assert!(world.asked.contains(&Effect::DescribeAhead(Vec::new())), "{:?}", world.asked);
    assert!(world.model.jobs.is_empty());
}

#[test]
fn a_paid_describer_chosen_in_the_review_asks_before_the_first_request() {
    let mut world = World::with(&["One.", "Two.", "Three."], |settings| settings.ahead = 1);
    world.keys("j");
    assert_eq!(records(&mut world), [1, 2], "a free describer");
    choose(&mut world, "bedrock", Some(cent()));
    assert!(world.model.jobs.is_empty(), "the jobs of the former describer are cancelled");
    world.keys(":").write("ahead 2").keys("Enter");
    assert_eq!(records(&mut world), [] as [u32; 0], "review-ahead is not consent");
    world.keys("r");
    assert!(matches!(world.model.mode, Mode::ConfirmSpending { .. }));
    world.keys("y");
    assert_eq!(records(&mut world), [1, 2]);
}

#[test]
fn consent_does_not_extend_to_another_describer() {
    let mut world = World::with(&["One.", "Two."], |settings| settings.price = Some(cent()));
    world.keys("r y");
    assert_eq!(records(&mut world), [0]);
    choose(&mut world, "openai", Some(cent()));
    world.keys("r");
    assert!(matches!(world.model.mode, Mode::ConfirmSpending { .. }));
    // The dialog names another price.
    world.send(Msg::DescriberChosen(Ok(ChosenDescriber(None))));
    assert_eq!(world.model.mode, Mode::Browse);
    world.keys("r");
    assert!(world.notice().starts_with("no describer"), "{}", world.notice());
}

#[test]
fn a_describer_that_cannot_be_set_up_changes_nothing() {
    let mut world = World::new(&["One."]);
    world.send(Msg::DescriberChosen(Err("no server".to_owned())));
    assert!(world.notice().ends_with("no server"), "{}", world.notice());
    world.keys("r");
    assert_eq!(records(&mut world), [0]);
}

#[rstest]
#[case("export csv", "csv", None, false)]
#[case("export jsonl out/a b.jsonl", "jsonl", Some("out/a b.jsonl"), false)]
#[case("export! txt texts", "txt", Some("texts"), true)]
fn captions_are_exported(
    #[case] line: &str,
    #[case] format: &'static str,
    #[case] path: Option<&str>,
    #[case] force: bool,
) {
    let mut world = World::new(&["One."]);
    world.keys(":").write(line).keys("Enter");
    let request = ExportRequest { format, path: path.map(Into::into), force };
    assert_eq!(world.asked, [Effect::Export(request)]);
    world.send(Msg::Exported(Ok("a.csv: 1 record".to_owned())));
    assert_eq!(world.notice(), "a.csv: 1 record");
}

#[test]
fn an_option_is_no_path_of_an_export() {
    let mut world = World::new(&["A coat."]);
    world.keys(":").write("export csv --only excluded").keys("Enter");
    assert!(world.notice().starts_with("not exported: --only excluded is an option"), "{}", world.notice());
    assert!(!world.asked.iter().any(|effect| matches!(effect, Effect::Export(_))));
}

#[test]
fn nothing_is_exported_before_it_is_stored() {
    let mut world = World::new(&["One.", "Two."]);
    world.slow_disk = true;
    world.keys("x :").write("export csv").keys("Enter");
    assert!(!world.asked.iter().any(|effect| matches!(effect, Effect::Export(_))));
    world.disk_catches_up();
    world.keys(":").write("export csv").keys("Enter");
    assert!(world.asked.iter().any(|effect| matches!(effect, Effect::Export(_))));
}

#[test]
fn the_theme_changes_at_once() {
    let mut world = World::new(&["One."]);
    world.keys(":").write("theme high-contrast").keys("Enter");
    assert_eq!(world.asked, [Effect::SetTheme("high-contrast")]);
}
