//! Snapshots of whole screens at common terminal sizes.

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use recaption::dataset::RecordId;
use recaption::describe::{Account, Cost, DescriberStatus, Dollars, LimitedBy, Pause, PauseKind, Tokens, Usage};
use recaption::engine::EngineEvent;
use recaption::engine::JobEvent;
use recaption::lint::CaptionStyle;
use recaption::picture::PictureError;
use recaption::preview::{Capabilities, CellArea, CellSize, Painter, PictureView, Previewer, Protocol, Ready, prepare};
use recaption::report::{Counts, Figures, Lengths, Phrase};
use recaption::review::{Context, Mode, Msg, PictureSlot, Tab};
use recaption::session::{DecisionKind, FILE, SampleRequest};
use recaption::statistics::Proportion;
use recaption::tui::layout::{Inputs, Layout};
use recaption::tui::view::{self, RenderContext};
use recaption::tui::{ColourScheme, Key, Keymap, TextField, Theme};
use rstest::rstest;

use crate::panes::picture_comes;
use crate::spot_check::sample;
use crate::world::World;

const CAPTIONS: [&str; 6] = [
    "Young person with long black hair, wearing a white beanie, beige puffer jacket and light blue wide-leg pants.",
    "A person in fashion clothing",
    "Person in a navy coat, walking along a wet street with an umbrella, tren",
    "{\"file_name\": \"images/한국어-이름이-아주-길어서-끝까지-다-보이지-않는-사진.jpg\", \"text\": \"베이지색 코트를 입은 사람이 거리에 서 있다.\"}",
    "{\"file_name\": \"images/5.jpg\"",
    "Close-up of two people in matching knitwear, smiling.",
];

fn afternoon() -> World {
    let mut world = World::with(&CAPTIONS, |settings| {
        "street-fashion".clone_into(&mut settings.dataset);
        settings.describer = Some("bedrock".to_owned());
        settings.rules.max_words = 50;
    });
    world.keys("r");
    world.finish(
        0,
        "Young person with long black hair, wearing a white beanie, beige puffer jacket and dark blue wide-leg pants.",
    );
    world.keys("j j e").write("Person in a navy coat, walking along a wet street.").keys("Enter G x k s g g");
    world
}

pub fn screen(world: &mut World, width: u16, height: u16, ascii: bool) -> Terminal<TestBackend> {
    screen_after(world, (width, height), ascii, "")
}

/// Draws the screen after an incomplete key sequence.
fn screen_after(world: &mut World, size: (u16, u16), ascii: bool, pressed: &str) -> Terminal<TestBackend> {
    painted(world, size, ascii, pressed, None)
}

/// Draws the screen with images.
fn painted(
    world: &mut World,
    (width, height): (u16, u16),
    ascii: bool,
    pressed: &str,
    painter: Option<&mut Painter>,
) -> Terminal<TestBackend> {
    let pending = if pressed.is_empty() { Vec::new() } else { Key::parse_sequence(pressed).expect("keys") };
    if let Some(viewports) = Layout::viewports(Rect::new(0, 0, width, height), &Inputs::of(&world.model, true)) {
        world.send(Msg::Resized(Box::new(viewports)));
    }
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    let keymap = Keymap::defaults().expect("the embedded keymap is valid");
    let theme = Theme::new(ColourScheme::Dark, ascii);
    let text_field = TextField::follow(None, &world.model.mode);
    let render = RenderContext {
        theme: &theme,
        keymap: &keymap,
        text_field: text_field.as_ref(),
        pending: &pending,
        pictures: true,
        zone: &jiff::tz::TimeZone::UTC,
    };
    let mut drawn = view::Drawn::default();
    terminal.draw(|frame| drawn = view::draw(frame, &world.model, render, painter)).expect("a screen in memory");
    for msg in drawn.messages(&world.model) {
        world.send(msg);
    }
    terminal
}

/// Reports the image of the record under the cursor as missing.
fn picture_is_missing(world: &mut World) {
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    world.picture(record.0, view, Err(PictureError::Missing.into()));
}

#[rstest]
#[case(80, 24)]
#[case(120, 40)]
#[case(200, 60)]
#[case(60, 18)]
#[case(39, 12)]
fn reviewing(#[case] width: u16, #[case] height: u16) {
    let mut world = afternoon();
    assert_snapshot!(format!("reviewing_{width}x{height}"), screen(&mut world, width, height, false).backend());
}

#[test]
fn reviewing_in_ascii() {
    let mut world = afternoon();
    let terminal = screen(&mut world, 120, 30, true);
    let drawn = terminal.backend().to_string();
    let ours = drawn.lines().filter(|line| !line.contains("한국어")).collect::<String>();
    assert!(ours.is_ascii(), "{ours}");
    assert_snapshot!("reviewing_ascii", terminal.backend());
}

#[rstest]
#[case(80, 24)]
#[case(120, 40)]
fn editing(#[case] width: u16, #[case] height: u16) {
    let mut world = afternoon();
    world.keys("j j j e").write("베이지색 코트를 입은 사람이 거리에서 웃고 있다.");
    let mut terminal = screen(&mut world, width, height, false);
    assert_snapshot!(format!("editing_{width}x{height}"), terminal.backend());
    let cursor = terminal.get_cursor_position().expect("a cursor");
    let before = terminal.backend().buffer().cell((cursor.x - 1, cursor.y)).map(ratatui::buffer::Cell::symbol);
    assert_eq!(before, Some("."), "the cursor is after the last character, even after wide ones");
}

#[rstest]
#[case("?", "help_80x24", 80, 24)]
#[case("?", "help_120x40", 120, 40)]
#[case("?", "help_200x60", 200, 60)]
#[case("q", "quit", 80, 24)]
#[case("4", "tab", 80, 24)]
#[case("x s X x", "summary_80x24", 80, 24)]
#[case("x s X x", "summary_120x40", 120, 40)]
#[case("3 a", "empty_tab", 80, 24)]
#[case("j j j j", "bad_line", 80, 24)]
#[case("m", "note", 80, 24)]
#[case(":", "command", 80, 24)]
#[case(": Down Down", "command_chosen", 80, 24)]
#[case(":", "command_40x20", 40, 20)]
#[case(":", "command_typed", 120, 40)]
#[case("z ?", "help_in_zoom", 80, 24)]
#[case("? /", "help_searched", 120, 40)]
#[case("R", "reason", 80, 24)]
#[case("z", "zoom", 80, 24)]
#[case("z Tab", "zoom_with_texts_80x24", 80, 24)]
#[case("z Tab", "zoom_with_texts_160x50", 160, 50)]
#[case(":", "replace", 80, 24)]
#[case("R 5", "own_reason", 80, 24)]
fn layers(#[case] keys: &str, #[case] name: &str, #[case] width: u16, #[case] height: u16) {
    let mut world = afternoon();
    screen(&mut world, width, height, false);
    world.keys(keys);
    if name == "command_typed" {
        world.write("s");
    }
    if name == "help_searched" {
        world.write("caption");
    }
    if name == "replace" {
        world.write("s/wearing a/in a/").keys("Enter j Space");
    }
    assert_snapshot!(name, screen(&mut world, width, height, false).backend());
}

#[rstest]
#[case("sort_hint_80x24", 80, 24, false)]
#[case("sort_hint_ascii", 120, 40, true)]
fn sort_hints(#[case] name: &str, #[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = afternoon();
    assert_snapshot!(name, screen_after(&mut world, (width, height), ascii, "o").backend());
}

#[rstest]
#[case("o w", "sorted_80x24", 80, 24, false)]
#[case("o l f", "sorted_and_filtered_120x40", 120, 40, false)]
#[case("o s o s", "sorted_ascii", 80, 24, true)]
fn sorted_lists(#[case] keys: &str, #[case] name: &str, #[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = afternoon();
    screen(&mut world, width, height, ascii);
    world.keys(keys);
    if matches!(world.model.mode, Mode::Filter(_)) {
        world.write("person").keys("Enter");
    }
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

#[test]
fn a_running_sort_shows_its_progress() {
    let mut world = afternoon();
    world.slow_scans = true;
    world.keys("o w");
    let drawn = screen(&mut world, 200, 24, false).backend().to_string();
    assert!(drawn.contains("sorting… ─"), "{drawn}");
    let Some(sorting) = world.model.sorting else { panic!("it is being sorted") };
    world.send(Msg::Sorting { id: sorting.id, seen: 3 });
    let drawn = screen(&mut world, 200, 24, false).backend().to_string();
    assert!(drawn.contains("sorting… 50 % ─"), "{drawn}");
    let narrow = screen(&mut world, 80, 24, false).backend().to_string();
    assert!(narrow.contains("sorting… 50 %"), "{narrow}");
}

#[rstest]
#[case("Space j Space", "marked_120x40", 120, 40, false)]
#[case("Space j v j", "marked_range_80x24", 80, 24, false)]
#[case("ctrl-a", "marked_all_ascii", 80, 24, true)]
#[case("z Space v", "marked_in_zoom", 80, 24, false)]
fn selected_records(
    #[case] keys: &str,
    #[case] name: &str,
    #[case] width: u16,
    #[case] height: u16,
    #[case] ascii: bool,
) {
    let mut world = afternoon();
    screen(&mut world, width, height, ascii);
    world.keys(keys);
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

#[rstest]
#[case("a", "many_accept")]
#[case("X", "many_exclude")]
fn bulk_confirmations(#[case] key: &str, #[case] name: &str) {
    let mut world = World::new(&["A caption."; 34]);
    screen(&mut world, 80, 24, false);
    world.keys("x ctrl-a 4").keys(key);
    assert_snapshot!(name, screen(&mut world, 80, 24, false).backend());
}

#[rstest]
#[case(80, 24, false)]
#[case(120, 40, false)]
#[case(80, 24, true)]
fn a_spot_check(#[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = World::with(&CAPTIONS, |settings| {
        "street-fashion".clone_into(&mut settings.dataset);
        settings.describer = Some("bedrock".to_owned());
        settings.rules.max_words = 50;
        settings.sample = Some(SampleRequest { size: 3, seed: 7, by: None, blind: false });
    });
    let drawing = screen(&mut world, width, height, ascii).backend().to_string();
    assert!(drawing.contains("drawing the sample"), "{drawing}");
    world.send(EngineEvent::Sampled(Ok(Box::new(sample(&world.model.ledger, &[3, 0, 5])))));
    world.keys("a X");
    let name = if ascii { "spot_check_ascii".to_owned() } else { format!("spot_check_{width}x{height}") };
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

#[rstest]
#[case("", "blind_80x24", 80, 24, false)]
#[case("]", "blind_other_120x40", 120, 40, false)]
#[case("z Tab", "blind_zoom_ascii", 120, 40, true)]
#[case("e", "blind_editing", 80, 24, false)]
fn a_blind_check_hides_the_sources(
    #[case] keys: &str,
    #[case] name: &str,
    #[case] width: u16,
    #[case] height: u16,
    #[case] ascii: bool,
) {
    let request = SampleRequest { size: 2, seed: 7, by: None, blind: true };
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.rules.max_words = 50;
        settings.sample = Some(request.clone());
    });
    let mut drawn = sample(&world.model.ledger, &[0, 2]);
    drawn.request = request;
    world.send(EngineEvent::Sampled(Ok(Box::new(drawn))));
    let text = "Young person with long dark hair in a white beanie and a beige jacket".to_owned();
    let (captions, at) = (vec![(RecordId(0), text)], jiff::Timestamp::UNIX_EPOCH);
    world.send(EngineEvent::Imported { describer: FILE, source: "claude.jsonl".to_owned(), captions, done: None, at });
    screen(&mut world, width, height, ascii);
    if !keys.is_empty() {
        world.keys(keys);
    }
    let terminal = screen(&mut world, width, height, ascii);
    let drawn = terminal.backend().to_string();
    assert!(!["claude", "original", "candidate"].iter().any(|word| drawn.contains(word)), "{drawn}");
    assert_snapshot!(name, terminal.backend());
}

#[rstest]
#[case("figures_80x24", 80, 24, false)]
#[case("figures_ascii", 120, 40, true)]
fn session_statistics(#[case] name: &str, #[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = afternoon();
    world.keys("g s");
    let mut lengths = Lengths::default();
    for words in [12, 12, 13, 19, 20, 36, 36, 36, 41] {
        lengths.add(words);
    }
    let counts = |by_hand, by_run| Counts { by_hand, by_run };
    let decisions = [(DecisionKind::Accepted, counts(5, 2)), (DecisionKind::Edited, counts(1, 0))];
    let figures = Figures {
        dataset: "street-fashion".to_owned(),
        records: 10,
        decisions: decisions.into_iter().collect(),
        acceptance: Proportion::new(5, 6),
        lengths,
        max_words: 40,
        openings: vec![Phrase { words: "young asian man".to_owned(), captions: 278, at_least: false }],
        ..Figures::default()
    };
    world.send(EngineEvent::Statistics(Ok(Box::new(figures))));
    world.keys("G");
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

#[rstest]
#[case("r", "spending_one")]
#[case("g a", "spending_all")]
fn cost_confirmations(#[case] keys: &str, #[case] name: &str) {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.describer = Some("bedrock".to_owned());
        settings.ahead = 3;
        settings.price = Some(Usage { cost: "0.0068".parse::<Dollars>().expect("dollars").into(), ..Usage::default() });
    });
    let model = "claude-sonnet-4-6 · us-east-1".to_owned();
    let budget = Some("2".parse().expect("dollars"));
    world.send(EngineEvent::Describer(DescriberStatus { model, budget, ..DescriberStatus::default() }));
    screen(&mut world, 80, 24, false);
    world.keys(keys);
    assert_snapshot!(name, screen(&mut world, 80, 24, false).backend());
}

#[test]
fn the_account_is_in_the_header_and_in_the_cost_confirmation() {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.describer = Some("bedrock".to_owned());
        settings.price = Some(Usage { cost: "0.0068".parse::<Dollars>().expect("dollars").into(), ..Usage::default() });
    });
    let account = Account { id: Some("123456789012".to_owned()), profile: Some("work".to_owned()) };
    let status = DescriberStatus {
        model: "claude-sonnet-4-6 · us-east-1".to_owned(),
        account: Some(account),
        ..DescriberStatus::default()
    };
    world.send(EngineEvent::Describer(status));
    world.keys("r");
    let mut shown = |width| screen(&mut world, width, 40, false).backend().to_string();
    let (wide, narrow) = (shown(200), shown(80));
    assert!(wide.contains("us-east-1 · 123456789012/work"), "{wide}");
    assert!(wide.contains("account 123456789012, profile work"), "{wide}");
    assert!(!narrow.contains("/work") && narrow.contains("account 123456789012"), "{narrow}");
}

#[rstest]
#[case("r", "spending_unpriced_one")]
#[case("g a", "spending_unpriced_all")]
fn unknown_costs(#[case] keys: &str, #[case] name: &str) {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.describer = Some("bedrock".to_owned());
        settings.price = Some(Usage { tokens: Tokens { input: 2000, output: 100 }, cost: Cost::UNKNOWN });
    });
    world.send(EngineEvent::Charged(Usage { tokens: Tokens { input: 2000, output: 90 }, cost: Cost::UNKNOWN }));
    screen(&mut world, 80, 24, false);
    world.keys(keys);
    assert_snapshot!(name, screen(&mut world, 80, 24, false).backend());
}

#[test]
fn a_run_shows_what_limits_it() {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.describer = Some("bedrock".to_owned());
        settings.price = Some(Usage { cost: "0.0068".parse::<Dollars>().expect("dollars").into(), ..Usage::default() });
    });
    world.keys("g a y");
    assert!(world.model.bulk.is_some());
    for (limit, expected) in [
        (LimitedBy::Rate, "limited by rate (600/min)"),
        (LimitedBy::Concurrency, "limited by concurrency"),
        (LimitedBy::Tokens, "limited by tokens"),
        (LimitedBy::Budget, "limited by budget"),
    ] {
        let status = DescriberStatus {
            requests_per_minute: Some(600),
            waiting: 9,
            limited_by: Some(limit),
            ..DescriberStatus::default()
        };
        world.send(EngineEvent::Describer(status));
        for size in [(80, 24), (120, 40)] {
            let screen = screen(&mut world, size.0, size.1, false).backend().to_string();
            assert!(screen.contains(expected), "{size:?}: {screen}");
        }
    }
}

#[test]
fn a_waiting_describer_shows_the_reason() {
    let mut world = afternoon();
    world.keys("j r");
    let job = world.job(1);
    world.news(job, 1, JobEvent::Started);
    world.news(job, 1, JobEvent::Waiting("Bedrock is busy, retrying (2/5)".to_owned()));
    let pause = Pause { message: "Sign in: aws sso login".to_owned(), kind: PauseKind::Access };
    world.send(EngineEvent::Describer(DescriberStatus { paused: Some(pause), ..DescriberStatus::default() }));
    assert_snapshot!("waiting", screen(&mut world, 80, 24, false).backend());
}

#[test]
fn an_incomplete_key_sequence_shows_its_continuations() {
    let mut world = afternoon();
    let footer = screen_after(&mut world, (80, 24), false, "g").backend().to_string();
    let footer = footer.lines().last().expect("a footer").to_owned();
    assert!(footer.contains("g first record") && footer.contains("a describe all in view"), "{footer}");
}

#[test]
fn the_pace_is_in_the_header_if_there_is_room() {
    let mut world = World::new(&["A caption."; 40]);
    // The test controls the time of storing.
    world.slow_disk = true;
    for decided in 1..=10 {
        world.keys("x");
        let at = jiff::Timestamp::from_second(decided * 12).expect("a time");
        world.send(EngineEvent::Durable(world.model.ledger.last(), at));
    }
    let header = |world: &mut World, width| {
        let drawn = screen(world, width, 30, false).backend().to_string();
        drawn.lines().next().expect("a header").to_owned()
    };
    let wide = header(&mut world, 160);
    assert!(wide.contains("300/h · 6 min left"), "{wide}");
    assert!(!header(&mut world, 50).contains("300/h"));
}

#[test]
fn a_streamed_text() {
    let mut world = afternoon();
    world.keys("j r a");
    let job = world.job(1);
    world.news(job, 1, JobEvent::Started);
    world.news(job, 1, JobEvent::Delta("Full-length photo of one person".to_owned()));
    assert_snapshot!("arriving", screen(&mut world, 80, 24, false).backend());
}

#[test]
fn a_missing_image() {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    picture_is_missing(&mut world);
    assert_snapshot!("missing_picture", screen(&mut world, 80, 24, false).backend());
}

#[rstest]
#[case::cut_off(0, "cut off", 1)]
#[case::complete(2, "KB", 0)]
fn an_image_that_is_cut_off_is_marked_and_a_problem(#[case] end: usize, #[case] title: &str, #[case] problems: u64) {
    let mut world = World::new(&["A caption."; 3]);
    screen(&mut world, 160, 40, false);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("0.jpg");
    image::RgbImage::new(600, 800).save(&path).expect("a picture");
    let jpeg = std::fs::read(&path).expect("a picture");
    std::fs::write(&path, &jpeg[..jpeg.len() - 2 + end]).expect("a picture without its end marker");
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    world.picture(record.0, view, prepare(&path, view.areas.of((600, 800)), &Capabilities::minimal()));
    assert_eq!(world.model.tabs.count(Tab::Problems), problems);
    let drawn = screen(&mut world, 160, 40, false).backend().to_string();
    let line = drawn.lines().find(|line| line.contains("600×800")).unwrap_or_else(|| panic!("{drawn}"));
    assert!(line.contains(title), "{line}");
}

/// The picture is above the captions, or beside them.
#[rstest]
#[case("landscape_120x41", "", (900, 600), 120, 41)]
#[case("landscape_80x24", "", (900, 600), 80, 24)]
#[case("portrait_200x55", "", (600, 900), 200, 55)]
#[case("narrow_list", "\\", (600, 900), 120, 41)]
#[case("no_list", "\\ \\", (900, 600), 120, 41)]
#[case("zoom_portrait", "z", (600, 900), 80, 24)]
#[case("zoom_landscape", "z Tab", (900, 600), 120, 41)]
fn the_layout_follows_the_picture(
    #[case] name: &str,
    #[case] keys: &str,
    #[case] sides: (u32, u32),
    #[case] width: u16,
    #[case] height: u16,
) {
    let mut world = afternoon();
    screen(&mut world, width, height, false);
    picture_comes(&mut world, sides);
    screen(&mut world, width, height, false);
    if !keys.is_empty() {
        world.keys(keys);
        screen(&mut world, width, height, false);
    }
    let mut painter = Previewer::spawn(Capabilities::minimal(), None, |_| {}).painter();
    if matches!(world.model.picture, PictureSlot::Loading(..)) {
        picture_comes(&mut world, sides);
    }
    assert_snapshot!(name, painted(&mut world, (width, height), false, "", Some(&mut painter)).backend());
}

/// The first image is loaded, the second is missing, the others are pending; one line is unreadable.
#[rstest]
#[case("sheet_80x24", 80, 24, false)]
#[case("sheet_120x40", 120, 40, false)]
#[case("sheet_ascii", 80, 24, true)]
fn the_contact_sheet(#[case] name: &str, #[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = afternoon();
    screen(&mut world, width, height, ascii);
    world.keys("t l ! l Space j Space g g");
    let area = world.model.sheet_grid().expect("the sheet is open").picture();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("0.png");
    // Two colours, so that no half block is blank.
    image::GrayImage::from_fn(600, 800, |x, y| image::Luma([if (x / 40 + y / 40) % 2 == 0 { 0 } else { 255 }]))
        .save(&path)
        .expect("a picture");
    let picture = prepare(&path, area, &Capabilities::minimal());
    for (record, result) in [(0, picture), (1, Err(PictureError::Missing.into()))] {
        world.picture(record, PictureView::fit(area), result);
    }
    let mut painter = Previewer::spawn(Capabilities::minimal(), None, |_| {}).painter();
    assert_snapshot!(name, painted(&mut world, (width, height), ascii, "", Some(&mut painter)).backend());
}

/// An image is sent to the terminal only once while it is visible.
#[rstest]
#[case(Protocol::Sixel, "\x1bP")]
#[case(Protocol::Iterm, "]1337;File=")]
#[case(Protocol::Kitty, "_Gq=2,i=")]
fn moving_over_the_contact_sheet_resends_no_image(#[case] protocol: Protocol, #[case] payload: &str) {
    let mut world = World::new(&["A caption."; 30]);
    screen(&mut world, 80, 24, false);
    world.keys("t");
    let terminal = Capabilities { protocol, ..Capabilities::minimal() };
    let mut painter = Previewer::spawn(terminal.clone(), None, |_| {}).painter();
    let area = world.model.sheet_grid().expect("the sheet is open").picture();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("0.png");
    image::GrayImage::new(600, 800).save(&path).expect("a picture");
    for record in 0..8 {
        let result = prepare(&path, area, &terminal);
        world.picture(record, PictureView::fit(area), result);
    }
    let mut before = Buffer::empty(Rect::new(0, 0, 80, 24));
    let mut pictures_sent = |world: &mut World, keys: &str| {
        world.keys(keys);
        let after = painted(world, (80, 24), false, "", Some(&mut painter)).backend().buffer().clone();
        assert_eq!(painter.end(), "", "nothing is deleted while it is visible");
        let sent = before.diff(&after).iter().filter(|(.., cell)| cell.symbol().contains(payload)).count();
        before = after;
        sent
    };
    assert_eq!(pictures_sent(&mut world, "l"), 8);
    for keys in ["l", "j x", "Space h", "! u"] {
        assert_eq!(pictures_sent(&mut world, keys), 0, "{keys}");
    }
}

#[test]
fn an_empty_contact_sheet_shows_the_reason() {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    world.keys("t 5");
    assert_snapshot!("sheet_empty", screen(&mut world, 80, 24, false).backend());
}

#[test]
fn file_contents_cannot_inject_escape_sequences() {
    let evil = serde_json::json!({"file_name": "images/\u{1b}[2J\u{9b}1mx.jpg", "text": "a\u{1b}]0;owned\u{7}b\u{202e}c\u{200b}d"});
    let mut world = World::new(&[&evil.to_string(), "{\u{1b}[31m broken"]);
    world.send(Msg::Notice("failed: \u{1b}[5m".to_owned()));
    for keys in ["", "j", "k r"] {
        if !keys.is_empty() {
            world.keys(keys);
        }
        let terminal = screen(&mut world, 120, 30, false);
        for cell in terminal.backend().buffer().content() {
            assert!(!cell.symbol().chars().any(char::is_control), "{:?} reached the screen", cell.symbol());
            assert!(!cell.symbol().contains('\u{202e}'));
        }
    }
}

#[test]
fn a_caption_that_is_not_a_string_is_shown_as_json() {
    let list = "{\"file_name\": \"a.jpg\", \"text\": [\"A red coat.\", [\"\u{202e}A hat.\"]]}";
    let mut world = World::new(&[list]);
    let terminal = screen(&mut world, 120, 30, false);
    let text: String = terminal.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
    assert!(text.contains("[\"A red coat.\", "), "{text}");
    assert!(text.contains("must be a string (found") && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn a_decided_caption_that_a_command_changed_is_marked() {
    let mut world = World::new(&["A red coat.", "A hat."]);
    world.keys("x k :").write("%s/red/blue/").keys("Enter Enter");
    let terminal = screen(&mut world, 120, 30, false);
    let text: String = terminal.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
    assert!(text.contains("original kept · changed since"), "{text}");
}

#[test]
fn differences_are_highlighted_by_more_than_colour() {
    let mut world = afternoon();
    let terminal = screen(&mut world, 120, 40, false);
    let buffer = terminal.backend().buffer();
    let set_off = |modifier: Modifier| -> String {
        buffer
            .content()
            .iter()
            .filter(|cell| cell.modifier.contains(modifier))
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    };
    assert_eq!((set_off(Modifier::UNDERLINED).trim(), set_off(Modifier::CROSSED_OUT).trim()), ("dark", "light"));
}

#[test]
fn the_selected_row_has_a_single_background() {
    let mut world = afternoon();
    let terminal = screen(&mut world, 120, 40, false);
    let buffer = terminal.backend().buffer();
    let row: Vec<_> = (0..24).filter_map(|x| buffer.cell((x, 2))).collect();
    assert!(row.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED)));
    assert!(row.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn an_image_for_another_pane_size_is_not_shown() {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    let stale = CellArea { columns: 1, rows: 1 };
    world.picture(0, PictureView::fit(stale), Err(PictureError::Missing.into()));
    assert!(matches!(world.model.picture, PictureSlot::Loading(..)));
}

#[test]
fn an_image_for_another_font_size_is_not_shown() {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    let result = Err(PictureError::Missing.into());
    let late = Ready { record, path: "images/0.jpg".into(), view, cell: CellSize { width: 9, height: 31 }, result };
    world.send(Msg::Picture(late));
    assert!(matches!(world.model.picture, PictureSlot::Loading(..)));
}

#[test]
fn matches_are_highlighted() {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    world.keys("/").write("person");
    assert_snapshot!("searching", screen(&mut world, 80, 24, false).backend());
    world.keys("Enter");
    let found = Theme::new(ColourScheme::Dark, false).found;
    let set_off = |terminal: &Terminal<TestBackend>| -> String {
        let cells = terminal.backend().buffer().content().iter();
        cells.filter(|cell| Some(cell.bg) == found.bg).map(ratatui::buffer::Cell::symbol).collect()
    };
    assert_eq!(set_off(&screen(&mut world, 80, 24, false)), "personperson", "in the candidate and in the original");
    world.keys("/").write("사진").keys("Enter");
    let terminal = screen(&mut world, 200, 40, false);
    let buffer = terminal.backend().buffer();
    let row: Vec<_> = (0..40).filter_map(|x| buffer.cell((x, 5))).collect();
    let name: String = row
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::UNDERLINED))
        .map(|cell| cell.symbol().trim_end())
        .collect();
    assert_eq!(name, "사진", "also in the selected row, with whole wide characters");
}

#[rstest]
#[case("status:undecided and pers", "filter_typed")]
#[case("person words:many", "filter_mistaken")]
#[case("person status:", "filter_values")]
#[case("person staus:kept", "filter_unknown_field")]
#[case("person na", "filter_key")]
#[case(" ", "filter_examples")]
fn a_filter_while_typing(#[case] query: &str, #[case] name: &str) {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    world.keys("f").write("person").write(query);
    assert_snapshot!(name, screen(&mut world, 80, 24, false).backend());
}

#[rstest]
#[case("person", "filter_on")]
#[case("nobody", "filter_nothing")]
fn an_active_filter(#[case] query: &str, #[case] name: &str) {
    let mut world = afternoon();
    screen(&mut world, 80, 24, false);
    world.keys("f").write(query).keys("Enter");
    assert_snapshot!(name, screen(&mut world, 80, 24, false).backend());
}

#[test]
fn filter_completion() {
    let mut world = afternoon();
    screen(&mut world, 120, 40, false);
    world.keys("f").write("red or status:").keys("Tab Tab");
    assert_snapshot!("filter_completed", screen(&mut world, 80, 24, false).backend());
}

/// A record with captions in several languages: the others are shown below, also while one is edited.
#[rstest]
#[case::looking("other_texts_120x40", "", 120, 40, false)]
#[case::editing("other_texts_editing", "e", 120, 40, false)]
#[case::narrow("other_texts_ascii", "", 80, 24, true)]
fn other_texts_are_below_the_caption(
    #[case] name: &str,
    #[case] pressed: &str,
    #[case] width: u16,
    #[case] height: u16,
    #[case] ascii: bool,
) {
    let mut world = World::new(&["A woman in a red hat.", "A coat."]);
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let texts = vec![text("text_ko", "빨간 모자를 쓴\u{1b}[2J 여자."), text("text_short", "Red hat, woman")];
    world.send(EngineEvent::Lines { entries: Vec::new(), texts: vec![(RecordId(0), texts)] });
    if !pressed.is_empty() {
        world.keys(pressed);
    }
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

/// A dialog about records is over their captions: the picture stays as it was.
#[rstest]
fn no_dialog_covers_the_picture(
    #[values("R", "q", "ctrl-a a", "r")] keys: &str,
    #[values((600, 900), (900, 600), (800, 800))] sides: (u32, u32),
    #[values((80, 24), (100, 30), (120, 41), (200, 55))] (width, height): (u16, u16),
) {
    let mut world = World::with(&["A caption."; 34], |settings| {
        settings.price = Some(Usage { cost: "0.0068".parse::<Dollars>().expect("dollars").into(), ..Usage::default() });
    });
    let mut painter = Previewer::spawn(Capabilities::minimal(), None, |_| {}).painter();
    screen(&mut world, width, height, false);
    world.keys("x k");
    picture_comes(&mut world, sides);
    let mut picture = |world: &mut World| -> Vec<String> {
        let terminal = painted(world, (width, height), false, "", Some(&mut painter));
        let layout =
            Layout::new(Rect::new(0, 0, width, height), &Inputs::of(&world.model, true)).expect("large enough");
        let pane = layout.picture.expect("a pane");
        pane.positions().map(|at| terminal.backend().buffer()[at].symbol().to_owned()).collect()
    };
    let before = picture(&mut world);
    world.keys(keys);
    assert_ne!(world.model.mode, Mode::Browse, "a dialog is open");
    assert_eq!(picture(&mut world), before);
}

/// A notice has a place of its own; help and quit are cut last.
#[rstest]
fn the_footer_shows_keys_beside_notices_and_progress(#[values(60, 80, 120, 200)] width: u16) {
    let mut world = World::with(&["A caption."; 34], |settings| settings.price = None);
    screen(&mut world, width, 24, false);
    world.keys("ctrl-a r y");
    assert!(world.notice().contains("in the background"), "{}", world.notice());
    let drawn = screen(&mut world, width, 24, false).backend().to_string();
    let footer = drawn.lines().last().expect("a footer");
    assert!(["a accept", "? help", "q quit", "0/34"].iter().all(|words| footer.contains(words)), "{footer}");
    assert!(drawn.contains("describing 34 records"), "{drawn}");
    world.keys("ctrl-c");
    assert!(!world.notice().contains("in the background"));
}

#[test]
fn a_notice_expires_when_it_is_no_longer_true() {
    let mut world = afternoon();
    let paused = |paused| EngineEvent::Describer(DescriberStatus { paused, ..DescriberStatus::default() });
    world.send(paused(Some(Pause { message: "Sign in: aws sso login".to_owned(), kind: PauseKind::Access })));
    assert_eq!(world.notice(), "Sign in: aws sso login");
    world.send(paused(None));
    assert_eq!(world.notice(), "");
}

#[rstest]
#[case("", &["a accept", "e edit", "? help", "q quit"])]
#[case("z", &["Esc back", "a accept", "+ zoom in", "Tab captions", "? help"])]
#[case("t", &["t back", "a accept", "+ larger", "? help"])]
fn the_hints_of_the_footer_can_be_clicked(#[case] keys: &str, #[case] expected: &[&str]) {
    let mut world = afternoon();
    screen(&mut world, 120, 30, false);
    if !keys.is_empty() {
        world.keys(keys);
    }
    let keymap = Keymap::defaults().expect("the embedded keymap is valid");
    let theme = Theme::new(ColourScheme::Dark, false);
    let zone = jiff::tz::TimeZone::UTC;
    let render =
        RenderContext { theme: &theme, keymap: &keymap, text_field: None, pending: &[], pictures: true, zone: &zone };
    let mut terminal = Terminal::new(TestBackend::new(120, 30)).expect("a screen in memory");
    let mut drawn = view::Drawn::default();
    terminal.draw(|frame| drawn = view::draw(frame, &world.model, render, None)).expect("a screen in memory");
    let footer: String = (0..120).map(|x| terminal.backend().buffer()[(x, 29)].symbol().to_owned()).collect();
    for hint in expected {
        let at = footer.find(hint).unwrap_or_else(|| panic!("{hint} in {footer}"));
        let column = u16::try_from(footer[..at].chars().count()).expect("a column");
        let Some(view::Target::Command(command)) = drawn.clicks.at((column, 29).into()) else { panic!("{hint}") };
        let key = hint.split_once(' ').expect("a key").0;
        assert_eq!(keymap.hint(Context::of(&world.model), command).as_deref(), Some(key));
    }
}

/// The list shows the records around the cursor, and a map of all of them on its right.
#[test]
fn the_list_shows_its_context_and_a_map() {
    let mut world = World::new(&["A caption."; 400]);
    screen(&mut world, 120, 30, false);
    let visible = |world: &World| {
        let (list, rows) = (&world.model.list, usize::from(world.model.viewport.list_rows));
        (list.position - list.top, list.top + rows - list.position - 1)
    };
    for keys in [&["ctrl-f", "ctrl-f"][..], &["j"; 30], &["k"; 50]].concat() {
        world.keys(keys);
        screen(&mut world, 120, 30, false);
        let (above, below) = visible(&world);
        assert!(above >= 3.min(world.model.list.position) && below >= 3, "{above} {below}");
    }
    world.keys("g g").keys(&"x ".repeat(60));
    screen(&mut world, 120, 30, false);
    let map = |world: &mut World| -> String {
        let terminal = screen(world, 120, 30, false);
        (2..29).map(|y| terminal.backend().buffer()[(24, y)].symbol().to_owned()).collect()
    };
    assert_eq!(map(&mut world), format!("┃┃┃┃╽{}", "│".repeat(22)));
    world.keys("4");
    assert!(!map(&mut world).contains('╽'), "only the list of all records has a map of the progress");
}

/// Most errors end with a remedy.
#[rstest]
#[case(40, 12)]
#[case(80, 24)]
#[case(150, 40)]
fn a_long_notice_is_readable_in_full(#[case] width: u16, #[case] height: u16) {
    let mut world = World::new(&CAPTIONS);
    let words = "/home/operator/projects/street-fashion/metadata_updated.jsonl: cannot write: Permission denied \
                 (os error 13); the file is unchanged: use -o FILE or change the mode of the folder";
    world.send(Msg::Notice(words.to_owned()));
    let screen = screen(&mut world, width, height, false).backend().to_string();
    // The notice is beside the picture if it fits there.
    let captions = screen.lines().map(|line| line.trim_matches('"').rsplit('│').next().unwrap_or_default());
    let shown: String = captions.map(str::trim).collect();
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    assert!(squeezed(&shown).contains(&squeezed(words)), "{screen}");
    world.keys("j");
    assert_eq!(world.notice(), "");
}

/// Some terminals hide a picture that is covered.
#[test]
fn a_notice_of_several_rows_does_not_cover_the_picture() {
    let mut world = World::new(&CAPTIONS);
    let words = "saved street-fashion-autumn/metadata_updated.jsonl: 618 records, 41 captions changed; errors in 2 captions, warnings in 12 captions; \
                 6 lists them, f lint:error the errors";
    world.send(Msg::Notice(words.to_owned()));
    let screen = screen(&mut world, 110, 30, false).backend().to_string();
    let rows: Vec<&str> = screen.lines().filter(|line| line.contains("618 records")).collect();
    assert!(rows.len() == 1 && rows[0].matches('│').count() == 2, "{screen}");
}

#[test]
fn recent_messages_are_listed_with_their_ages() {
    let mut world = afternoon();
    let at = |second| jiff::Timestamp::from_second(second).expect("a time");
    for (second, words) in [
        (0, "read-only session: another process is writing it"),
        (
            100,
            "/home/operator/street-fashion/metadata_updated.jsonl: cannot write: Permission denied (os error 13); the file is unchanged: use -o FILE",
        ),
    ] {
        world.model.now = at(second);
        world.send(Msg::Notice(words.to_owned()));
    }
    world.model.now = at(112);
    world.keys("y g m");
    let listed = screen(&mut world, 80, 24, false).backend().to_string();
    let rows: Vec<&str> = listed.lines().filter(|line| line.contains("ago") || line.contains("now ")).collect();
    let [copied, denied, read_only, ..] = rows[..] else { panic!("{listed}") };
    assert!(copied.contains("now") && copied.contains("copied"), "{listed}");
    assert!(denied.contains("12s ago") && denied.contains("▲ /home/operator"), "{listed}");
    assert!(read_only.contains("1m 52s ago"), "{listed}");
    assert!(listed.contains("use -o FILE"), "wrapped: {listed}");
    world.keys("j");
    assert!(matches!(world.model.mode, Mode::Messages(1)));
    world.keys("G q");
    assert_eq!(world.model.mode, Mode::Browse);
}

/// The row of the screen with some words.
fn row_of(screen: &str, words: &str) -> usize {
    screen.lines().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words} is not in\n{screen}"))
}

/// The rows of the caption pane with a bar beside them.
fn marked_rows(screen: &str) -> Vec<usize> {
    screen.lines().enumerate().filter(|(_, line)| line.contains('▎')).map(|(row, _)| row).collect()
}

#[test]
fn nothing_moves_when_a_candidate_is_written_and_arrives() {
    let mut world =
        World::new(&["A person in a long coat, walking along a wet street with an umbrella in their hand."]);
    let drawn = |world: &mut World| screen(world, 120, 40, false).backend().to_string();
    let row = row_of(&drawn(&mut world), "A person in a long coat");
    for text in ["Umbrella umbrella, held in the rain.", "Somebody in the rain."] {
        world.keys("r");
        let asked = drawn(&mut world);
        let before: Vec<&str> = asked.lines().skip(row).take_while(|line| !line.contains("waiting for")).collect();
        world.news(world.job(0), 0, JobEvent::Delta(text[..8].to_owned()));
        let streaming = drawn(&mut world);
        let place = row_of(&streaming, &text[..8]);
        world.finish(0, text);
        let arrived = drawn(&mut world);
        assert_eq!(row_of(&arrived, &text[..8]), place, "{streaming}\n{arrived}");
        assert_eq!(row_of(&arrived, "A person in a long coat"), row);
        let words = |line: &str| line.replace('▎', " ");
        for (place, line) in before.iter().enumerate() {
            let now = arrived.lines().nth(row + place).expect("the screen has as many rows");
            assert_eq!(words(now).trim_end_matches(['"', ' ']), words(line).trim_end_matches(['"', ' ']));
        }
    }
}

/// Candidates are in the session, so they are known before the line.
#[test]
fn a_candidate_appears_with_its_original() {
    let mut world = World::new(&vec!["A person in a coat."; 3000]);
    world.keys("G r");
    world.finish(2999, "Somebody in the rain.");
    // Far enough for the line to be forgotten.
    world.keys("g g").keys(&"PageDown ".repeat(40)).keys("g g");
    world.slow_reads = true;
    world.keys("G");
    let drawn = |world: &mut World| screen(world, 120, 40, false).backend().to_string();
    assert!(!drawn(&mut world).contains("Somebody in the rain."));
    world.reads_catch_up();
    assert!(drawn(&mut world).contains("Somebody in the rain."));
}

#[test]
fn one_caption_is_marked_and_edited_in_its_place() {
    let mut world = World::new(&["A person in a long coat, walking along a wet street with an umbrella."]);
    for text in ["A person under an umbrella.", "Somebody in the rain, in a hat."] {
        world.keys("r");
        world.finish(0, text);
    }
    let drawn = |world: &mut World| screen(world, 120, 40, false).backend().to_string();
    for (keys, words) in
        [("", "Somebody in"), ("[", "A person under"), ("[", "A person in a long"), ("]", "A person under")]
    {
        if !keys.is_empty() {
            world.keys(keys);
        }
        let shown = drawn(&mut world);
        let row = row_of(&shown, words);
        let marked = marked_rows(&shown);
        assert!(marked.contains(&row) && marked.windows(2).all(|rows| rows[1] == rows[0] + 1), "{shown}");
    }
    let row = row_of(&drawn(&mut world), "A person under");
    world.keys("e");
    let editing = drawn(&mut world);
    assert_eq!(row_of(&editing, "A person under"), row, "{editing}");
    assert!(row_of(&editing, "A person in a long coat") < row && editing.contains("5/10 words"), "{editing}");
    world.write("A person person under an umbrella in the rain, on a wet street.");
    let typed = drawn(&mut world);
    assert!(
        typed.contains("13/10 words") && typed.contains("▲ doubled-word") && typed.contains("▲ too-long"),
        "{typed}"
    );
    assert!(marked_rows(&typed).contains(&row_of(&typed, "A person person")), "{typed}");
}

#[test]
fn the_badge_of_findings_stays_when_a_candidate_arrives() {
    let mut world = World::new(&["A person person in a coat.", "Two."]);
    let badge = |world: &mut World| {
        let drawn = screen(world, 120, 40, false).backend().to_string();
        drawn.lines().find(|line| line.contains("  1 0.jpg")).expect("the list shows the record").contains('▲')
    };
    assert!(badge(&mut world));
    world.keys("r");
    world.finish(0, "A person in a coat.");
    assert!(badge(&mut world), "the original would be saved");
    world.keys("[");
    assert!(badge(&mut world));
    world.keys("] a");
    assert!(!badge(&mut world), "the candidate is saved");
}

#[rstest]
#[case("tags_80x24", 80, 24)]
#[case("tags_160x50", 160, 50)]
fn the_table_of_tags(#[case] name: &str, #[case] width: u16, #[case] height: u16) {
    let mut world = tagged();
    world.keys("g t j");
    assert_snapshot!(name, screen(&mut world, width, height, false).backend());
}

#[rstest]
#[case("completion_80x24", 80, 24, false)]
#[case("completion_160x50", 160, 50, false)]
#[case("completion_ascii", 80, 24, true)]
fn completions_in_the_editor(#[case] name: &str, #[case] width: u16, #[case] height: u16, #[case] ascii: bool) {
    let mut world = tagged();
    world.keys("j e").write("1girl, solo, wh").keys("Tab Tab");
    assert_snapshot!(name, screen(&mut world, width, height, ascii).backend());
}

fn tagged() -> World {
    World::with(
        &[
            "1girl, solo, long hair, white shirt, blue jeans, outdoors",
            "1girl, solo, long_hair, white shirt, black skirt, indoors",
            "1boy, solo, short hair, white sneakers, outdoors",
            "1girl, solo, long hair, short hair, white dress, white dress",
        ],
        |settings| {
            settings.rules.style = Some(CaptionStyle::Tags);
            settings.rules.max_words = 50;
        },
    )
}
