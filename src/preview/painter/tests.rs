use image::{Rgb, RgbImage};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::widgets::{Clear, Widget as _};
use rstest::rstest;

use super::*;
use crate::picture::{PictureFormat, PictureInfo};
use crate::preview::capabilities::{Capabilities, Protocol};
use crate::preview::encode::encode;
use crate::preview::fit::{CellArea, CellSize};

const RED: Color = Color::Rgb(255, 0, 0);
const BLUE: Color = Color::Rgb(0, 0, 255);

fn terminal(protocol: Protocol) -> Capabilities {
    Capabilities { protocol, cell: CellSize { width: 4, height: 8 }, ..Capabilities::minimal() }
}

/// The upper half is red, the lower half blue.
fn preview(terminal: &Capabilities, columns: u16, rows: u16, uploads: &Uploads) -> Preview {
    let cells = CellArea { columns, rows };
    let (width, height) = terminal.resolution(terminal.protocol, cells);
    let picture = RgbImage::from_fn(width, height, |_, y| Rgb(if y < height / 2 { [255, 0, 0] } else { [0, 0, 255] }));
    let info = PictureInfo { width, height, format: PictureFormat::Png, bytes: 1, damage: None };
    encode(picture.into(), cells, info, terminal, uploads).unwrap()
}

struct Screen {
    terminal: Terminal<TestBackend>,
    painter: Painter,
    uploads: Uploads,
    capabilities: Capabilities,
}

/// The output of a frame.
struct Frame {
    area: Option<Rect>,
    /// The cells that ratatui would write.
    sent: Vec<(u16, u16, String)>,
    /// The commands that follow the frame.
    after: String,
}

impl Frame {
    fn sent_at(&self, x: u16, y: u16) -> Option<&str> {
        self.sent.iter().find(|cell| (cell.0, cell.1) == (x, y)).map(|cell| &cell.2[..])
    }
}

impl Screen {
    fn new(capabilities: Capabilities) -> Self {
        let uploads = Uploads::default();
        Self {
            terminal: Terminal::new(TestBackend::new(20, 10)).unwrap(),
            painter: Painter::new(uploads.clone(), capabilities.tmux),
            uploads,
            capabilities,
        }
    }

    fn preview(&self, columns: u16, rows: u16) -> Preview {
        preview(&self.capabilities, columns, rows, &self.uploads)
    }

    /// Draws a picture, and pop-ups filled with letters over it.
    fn draw(&mut self, preview: &Preview, covers: &[Rect]) -> Frame {
        self.draw_in(preview, Rect::new(0, 0, 20, 10), covers)
    }

    fn draw_in(&mut self, preview: &Preview, area: Rect, covers: &[Rect]) -> Frame {
        self.painter.begin();
        let before = self.terminal.backend().buffer().clone();
        let mut drawn = None;
        let mut after = None;
        self.terminal
            .draw(|frame| {
                drawn = self.painter.paint(preview, frame.buffer_mut(), area, covers);
                for cover in covers {
                    Clear.render(*cover, frame.buffer_mut());
                    for position in cover.positions() {
                        frame.buffer_mut()[position].set_symbol("p");
                    }
                }
                after = Some(frame.buffer_mut().clone());
            })
            .unwrap();
        // Like a terminal, the backend's buffer still contains the previous frame.
        let after = after.unwrap();
        let sent = before.diff(&after).into_iter().map(|(x, y, cell)| (x, y, cell.symbol().to_owned())).collect();
        Frame { area: drawn, sent, after: self.painter.end() }
    }
}

fn ids_deleted(text: &str) -> Vec<u32> {
    text.split("a=d,d=I,i=").skip(1).map(|rest| rest.split(',').next().unwrap().parse().unwrap()).collect()
}

fn id_uploaded(text: &str) -> u32 {
    text.split("_Gq=2,i=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
}

#[test]
fn half_blocks_are_centred_in_the_area() {
    let mut screen = Screen::new(terminal(Protocol::Blocks));
    // Three rows: the boundary between the colours is in the middle of the second.
    let preview = screen.preview(4, 3);
    assert_eq!(screen.draw(&preview, &[]).area, Some(Rect::new(8, 3, 4, 3)));
    let buffer = screen.terminal.backend().buffer();
    for x in 8..12 {
        let top = &buffer[(x, 3)];
        assert_eq!((top.symbol(), top.bg), (" ", RED));
        let middle = &buffer[(x, 4)];
        assert_eq!((middle.symbol(), middle.fg, middle.bg), ("▀", RED, BLUE));
        assert_eq!(buffer[(x, 5)].bg, BLUE);
    }
    assert!(
        Rect::new(0, 0, 20, 10)
            .positions()
            .filter(|at| !Rect::new(8, 3, 4, 3).contains(*at))
            .all(|at| { buffer[at].symbol() == " " && buffer[at].bg == Color::Reset })
    );
}

#[test]
fn without_true_colour_the_nearest_palette_entry_is_used() {
    let mut screen = Screen::new(Capabilities { true_colour: false, ..terminal(Protocol::Blocks) });
    let preview = screen.preview(4, 2);
    screen.draw(&preview, &[]);
    let buffer = screen.terminal.backend().buffer();
    assert_eq!((buffer[(8, 4)].bg, buffer[(8, 5)].bg), (Color::Indexed(196), Color::Indexed(21)));
    assert_eq!(nearest_indexed(Color::Rgb(119, 119, 118)), Color::Indexed(243));
    assert_eq!(nearest_indexed(Color::Rgb(0, 0, 0)), Color::Indexed(16));
    assert_eq!(nearest_indexed(Color::Rgb(255, 255, 255)), Color::Indexed(231));
    assert_eq!(nearest_indexed(Color::Reset), Color::Reset);
}

#[rstest]
#[case(Protocol::Blocks)]
#[case(Protocol::Kitty)]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_preview_larger_than_the_area_is_not_drawn(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(21, 3);
    let frame = screen.draw(&preview, &[]);
    assert_eq!((frame.area, frame.sent.len()), (None, 0));
}

#[rstest]
#[case(Protocol::Iterm, "\x1b]1337;File=")]
#[case(Protocol::Sixel, "\x1bP")]
fn an_inline_picture_is_sent_once_and_restores_the_cursor(#[case] protocol: Protocol, #[case] payload: &str) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(4, 3);
    let frame = screen.draw(&preview, &[]);
    let [(8, 3, sent)] = &frame.sent[..] else { panic!("more than the first cell: {:?}", frame.sent) };
    assert!(sent.starts_with("\x1b7") && sent.contains(payload) && sent.ends_with("\x1b8\x1b[1C"));
    assert_eq!(screen.draw(&preview, &[]).sent, [], "nothing changed");
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn an_inline_picture_is_restored_after_a_pop_up_closes(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(4, 3);
    screen.draw(&preview, &[]);
    let cover = Rect::new(10, 4, 6, 2);
    let open = screen.draw(&preview, &[cover]);
    assert!(open.area.is_some() && open.sent_at(10, 4) == Some("p") && open.sent_at(8, 3).is_none());
    let closed = screen.draw(&preview, &[]);
    assert!(closed.sent_at(8, 3).is_some_and(|sent| sent.len() > 50), "the picture is sent again");
    assert!(closed.sent_at(15, 4) == Some(" "), "the letters beside the picture are cleared");
    assert_eq!(screen.draw(&preview, &[]).sent, [], "only once");
    // And a second time.
    screen.draw(&preview, &[cover]);
    assert!(screen.draw(&preview, &[]).sent_at(8, 3).is_some());
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_new_inline_picture_waits_for_the_pop_up_to_close(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let (first, second) = (screen.preview(4, 3), screen.preview(4, 3));
    let cover = Rect::new(10, 4, 6, 2);
    screen.draw(&first, &[cover]);
    assert_eq!(screen.draw(&second, &[cover]).area, None);
    let closed = screen.draw(&second, &[]);
    assert!(closed.area.is_some() && closed.sent_at(8, 3).is_some());
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_wide_picture_clears_a_previous_tall_one(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let (tall, wide) = (screen.preview(2, 8), screen.preview(12, 2));
    let tall_area = screen.draw(&tall, &[]).area.unwrap();
    // ratatui compares with its own previous frame, so both are drawn to buffers.
    let mut previous = Buffer::empty(Rect::new(0, 0, 20, 10));
    Screen::new(terminal(protocol)).painter.paint(&tall, &mut previous, Rect::new(0, 0, 20, 10), &[]);
    let mut current = Buffer::empty(Rect::new(0, 0, 20, 10));
    let wide_area = screen.painter.paint(&wide, &mut current, Rect::new(0, 0, 20, 10), &[]).unwrap();
    let sent = previous.diff(&current);
    for position in tall_area.positions().filter(|at| !wide_area.contains(*at)) {
        assert!(sent.iter().any(|(x, y, cell)| (*x, *y) == (position.x, position.y) && cell.symbol() == " "));
    }
}

#[test]
fn a_kitty_picture_is_uploaded_once_and_not_under_a_pop_up() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let preview = screen.preview(4, 3);
    let over_first = Rect::new(5, 2, 4, 3);
    assert_eq!(screen.draw(&preview, &[over_first]).area, None, "the upload would be lost");
    let shown = screen.draw(&preview, &[]);
    assert!(shown.sent_at(8, 3).unwrap().contains("\x1b_G"));
    assert!(screen.draw(&preview, &[over_first]).area.is_some(), "it is uploaded");
    let again = screen.draw(&preview, &[]);
    assert!(again.sent_at(8, 3).is_some_and(|sent| !sent.contains("\x1b_G") && sent.contains('\u{10EEEE}')));
}

#[test]
fn kitty_cells_right_of_a_pop_up_have_coordinates() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let preview = screen.preview(6, 4);
    screen.draw(&preview, &[]);
    let frame = screen.draw(&preview, &[Rect::new(6, 4, 3, 2)]);
    // The picture is at (7, 3), so this is row 1, column 2. Diacritics 0, 1 and 2 of kitty's rowcolumn-diacritics.txt are
    // U+0305, U+030D and U+030E.
    let beside: Vec<char> = frame.sent_at(9, 4).unwrap().chars().collect();
    assert_eq!(beside[..3], ['\u{10EEEE}', '\u{30D}', '\u{30E}']);
    let below: Vec<char> = frame.sent_at(9, 5).unwrap().chars().collect();
    assert_eq!(below[..3], ['\u{10EEEE}', '\u{30E}', '\u{30E}']);
    let highest = screen.terminal.backend().buffer()[(7, 3)].symbol().chars().next_back();
    assert_eq!(beside.last().copied(), highest, "the highest byte of the ID");
    assert_eq!(frame.sent_at(10, 4), None, "the rest continues its left neighbour");
}

#[rstest]
#[case(false, "\x1b_Ga=d,")]
#[case(true, "\x1bPtmux;\x1b\x1b_Ga=d,")]
fn dropped_kitty_pictures_are_deleted(#[case] tmux: bool, #[case] command: &str) {
    let mut screen = Screen::new(Capabilities { tmux, ..terminal(Protocol::Kitty) });
    let (first, second, unseen) = (screen.preview(4, 3), screen.preview(4, 3), screen.preview(4, 3));
    let first_id = id_uploaded(screen.draw(&first, &[]).sent_at(8, 3).unwrap());
    drop((first, unseen));
    assert_eq!(screen.uploads.take_discarded(), [0_u32; 0], "the painter still holds it");
    let frame = screen.draw(&second, &[]);
    assert!(frame.after.starts_with(command), "{:?}", frame.after);
    assert_eq!(ids_deleted(&frame.after), [first_id], "the one never uploaded needs no deletion");
    assert_eq!(screen.draw(&second, &[]).after, "");
    let second_id = id_uploaded(frame.sent_at(8, 3).unwrap());
    assert_eq!(ids_deleted(&screen.painter.clear_all()), [second_id], "no picture is left");
}

/// Returns the value of a key in a kitty command.
fn number<N: std::str::FromStr + Default>(keys: &str, name: &str) -> N {
    let value = keys.split(',').find_map(|key| key.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Operation, ID, the position of the first cell (column and row, 1-based), columns and rows.
type OverlayCommand<'a> = (&'a str, u32, (u16, u16), (u16, u16));

/// Parses the commands for a terminal without placeholders.
fn overlay_commands(text: &str) -> Vec<OverlayCommand<'_>> {
    let mut cursor = (0, 0);
    let mut found = Vec::new();
    for sequence in text.split('\x1b').filter(|sequence| !sequence.is_empty()) {
        if let Some(position) = sequence.strip_prefix('[').and_then(|rest| rest.strip_suffix('H')) {
            let (row, column) = position.split_once(';').unwrap();
            cursor = (column.parse().unwrap(), row.parse().unwrap());
        } else if let Some(command) = sequence.strip_prefix("_G") {
            let keys = command.split(';').next().unwrap();
            let action = keys.split(',').find_map(|key| key.strip_prefix("a="));
            let kind = keys.split(',').find_map(|key| key.strip_prefix("d=")).unwrap_or_default();
            let cells = (number(keys, "c"), number(keys, "r"));
            match (action, kind) {
                (Some("T"), _) => found.push(("sent", number(keys, "i"), cursor, cells)),
                (Some("p"), _) => found.push(("shown", number(keys, "i"), cursor, cells)),
                (Some("d"), "i") => found.push(("hidden", number(keys, "i"), (0, 0), (0, 0))),
                (Some("d"), "I") => found.push(("deleted", number(keys, "i"), (0, 0), (0, 0))),
                _ => {}
            }
        }
    }
    found
}

fn without_placeholders() -> Screen {
    Screen::new(Capabilities { placeholders: false, ..terminal(Protocol::Kitty) })
}

#[test]
fn an_overlay_is_sent_once_and_deleted_when_it_is_replaced() {
    let mut screen = without_placeholders();
    let (first, second) = (screen.preview(4, 3), screen.preview(6, 4));
    let frame = screen.draw(&first, &[]);
    let [("sent", one, (9, 4), (4, 3))] = overlay_commands(&frame.after)[..] else { panic!("{:?}", frame.after) };
    assert_eq!(frame.sent, [], "no cell below it is written");
    assert_eq!(screen.draw(&first, &[]).after, "");
    let frame = screen.draw(&second, &[]);
    let [("sent", two, (8, 4), (6, 4)), ("deleted", gone, ..)] = overlay_commands(&frame.after)[..] else {
        panic!("{:?}", frame.after)
    };
    assert_eq!(gone, one);
    assert_ne!(two, one, "the old one stays until the new one is shown");
    let frame = screen.draw(&first, &[]);
    assert_eq!(overlay_commands(&frame.after)[0], ("sent", one, (9, 4), (4, 3)), "IDs are reused");
    assert_eq!(overlay_commands(&screen.painter.clear_all()), [("deleted", one, (0, 0), (0, 0))]);
    assert_eq!(screen.painter.clear_all(), "");
}

#[test]
fn an_overlay_is_hidden_while_a_pop_up_covers_it() {
    let mut screen = without_placeholders();
    let preview = screen.preview(4, 3);
    let cover = Rect::new(10, 4, 6, 2);
    assert_eq!(screen.draw(&preview, &[cover]).after, "", "not sent over an open pop-up");
    let frame = screen.draw(&preview, &[]);
    let [("sent", id, ..)] = overlay_commands(&frame.after)[..] else { panic!("{:?}", frame.after) };
    assert_eq!(overlay_commands(&screen.draw(&preview, &[cover]).after), [("hidden", id, (0, 0), (0, 0))]);
    assert_eq!(screen.draw(&preview, &[cover]).after, "");
    assert_eq!(overlay_commands(&screen.draw(&preview, &[]).after), [("shown", id, (9, 4), (4, 3))], "not sent again");
    let moved = screen.draw_in(&preview, Rect::new(0, 0, 4, 3), &[]);
    assert!(overlay_commands(&moved.after).contains(&("deleted", id, (0, 0), (0, 0))), "{:?}", moved.after);
    screen.painter.begin();
    assert!(
        overlay_commands(&screen.painter.end()).iter().all(|(action, ..)| *action == "deleted"),
        "a frame without pictures"
    );
}

#[test]
fn an_overlay_is_sent_in_chunks() {
    use base64::Engine as _;
    let picture = RgbImage::from_fn(97, 61, |x, y| Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 7]));
    let mut screen = without_placeholders();
    let info = PictureInfo { width: 97, height: 61, format: PictureFormat::Png, bytes: 1, damage: None };
    let cells = CellArea { columns: 4, rows: 3 };
    let preview = encode(picture.clone().into(), cells, info, &screen.capabilities, &screen.uploads).unwrap();
    let after = screen.draw(&preview, &[]).after;
    let chunks: Vec<(&str, &str)> = after
        .split("\x1b_G")
        .skip(1)
        .map(|rest| rest.split("\x1b\\").next().unwrap().split_once(';').unwrap())
        .collect();
    let last = chunks.len() - 1;
    for (number, (keys, data)) in chunks.iter().enumerate() {
        assert!(data.len() <= 4096 && keys.split(',').any(|key| key == if number < last { "m=1" } else { "m=0" }));
    }
    let text: String = chunks.iter().map(|(_, data)| *data).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    assert_eq!(RgbImage::from_raw(97, 61, bytes), Some(picture));
}

#[test]
fn several_pictures_share_a_frame() {
    for capabilities in [terminal(Protocol::Sixel), terminal(Protocol::Kitty), without_placeholders().capabilities] {
        let mut screen = Screen::new(capabilities);
        let (left, right) = (screen.preview(4, 3), screen.preview(6, 3));
        let mut frame = |swap: bool| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 10));
            screen.painter.begin();
            let halves = [Rect::new(0, 0, 10, 10), Rect::new(10, 0, 10, 10)];
            let pictures = if swap { [&right, &left] } else { [&left, &right] };
            for (picture, half) in pictures.into_iter().zip(halves) {
                assert!(screen.painter.paint(picture, &mut buffer, half, &[]).is_some());
            }
            (buffer, screen.painter.end())
        };
        let first = frame(false);
        let second = frame(false);
        assert_eq!(second.1, "", "nothing changed");
        let third = frame(true);
        if screen.capabilities.placeholders {
            assert!(first.0.diff(&third.0).iter().any(|(x, ..)| *x < 10), "they are swapped");
        } else {
            assert_eq!(overlay_commands(&third.1).iter().filter(|(action, ..)| *action == "sent").count(), 2);
            assert_eq!(overlay_commands(&third.1).iter().filter(|(action, ..)| *action == "deleted").count(), 2);
        }
    }
}

#[test]
fn kitty_pictures_have_distinct_ids() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let mut ids = std::collections::HashSet::new();
    for _ in 0..5 {
        let preview = screen.preview(4, 3);
        assert!(ids.insert(id_uploaded(screen.draw(&preview, &[]).sent_at(8, 3).unwrap())));
    }
}
