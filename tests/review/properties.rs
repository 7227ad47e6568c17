//! Properties that hold for any sequence of keys.

use proptest::prelude::*;
use recaption::dataset::RecordId;

use crate::world::World;

const KEYS: [&str; 32] = [
    "o w",
    "o r",
    "o f",
    "Space",
    "v",
    "ctrl-a",
    "n",
    "N",
    "F",
    "Esc",
    "j",
    "k",
    "a",
    "x",
    "s",
    "X",
    "u",
    "U",
    "!",
    "r",
    "g a",
    "[",
    "]",
    "Tab",
    "shift-Tab",
    "1",
    "2",
    "3",
    "4",
    "5",
    "G",
    "ctrl-c",
];

#[derive(Clone, Debug)]
enum Step {
    Keys(&'static str),
    Edit(String, &'static str),
    Finish(u32),
    Fail(u32),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::sample::select(&KEYS[..]).prop_map(Step::Keys),
        2 => ("[a-c ]{0,4}", prop::sample::select(&["Enter", "ctrl-s", "ctrl-n", "Esc", "ctrl-g"][..]))
            .prop_map(|(text, end)| Step::Edit(text, end)),
        2 => (0u32..6).prop_map(Step::Finish),
        1 => (0u32..6).prop_map(Step::Fail),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A restart changes nothing that was acknowledged, the cursor is always valid, and no key panics.
    #[test]
    fn any_sequence_of_keys_survives_restarts(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::with(&["One.", "Two.", "{broken", "Four.", "Five.", "Six."], |settings| settings.ahead = 1);
        for step in steps {
            match step {
                Step::Keys(keys) => {
                    world.keys(keys);
                    if !matches!(world.model.mode, recaption::review::Mode::Browse) {
                        world.keys("Esc");
                    }
                }
                Step::Edit(text, end) => {
                    world.keys("e");
                    if matches!(world.model.mode, recaption::review::Mode::Edit(_)) {
                        world.write(&text).keys(end);
                    }
                    if matches!(world.model.mode, recaption::review::Mode::Edit(_)) {
                        world.keys("Esc");
                    }
                }
                Step::Finish(record) if world.model.jobs.contains_key(&RecordId(record)) => {
                    world.finish(record, "A hat.");
                }
                Step::Fail(record) if world.model.jobs.contains_key(&RecordId(record)) => world.fail(record, "busy"),
                Step::Finish(_) | Step::Fail(_) => {}
                Step::Restart => {
                    let before = world.model.ledger.clone();
                    world.restart();
                    prop_assert_eq!(&world.model.ledger, &before);
                }
            }
            let view = world.model.view();
            match world.model.list.cursor {
                Some(cursor) => prop_assert_eq!(view.nth(world.model.list.position), Some(cursor)),
                None => prop_assert!(view.is_empty()),
            }
            prop_assert_eq!(&world.model.state(RecordId(2)).decision, &recaption::session::Decision::Undecided);
        }
    }
}
