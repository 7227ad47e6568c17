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
    Capabilities { protocol, cell: CellSize { width: 4, height: 8 }, ..Capabilities::floor() }
}

/// Red above, blue below.
fn preview(terminal: &Capabilities, columns: u16, rows: u16, discarded: &Discarded) -> Preview {
    let cells = CellArea { columns, rows };
    let (width, height) = terminal.resolution(terminal.protocol, cells);
    let picture = RgbImage::from_fn(width, height, |_, y| Rgb(if y < height / 2 { [255, 0, 0] } else { [0, 0, 255] }));
    let info = PictureInfo { width, height, format: PictureFormat::Png, bytes: 1 };
    encode(picture.into(), cells, info, terminal, discarded).unwrap()
}

struct Screen {
    terminal: Terminal<TestBackend>,
    painter: Painter,
    discarded: Discarded,
    capabilities: Capabilities,
}

/// One frame's work: what the terminal would be sent, cell by cell.
struct Frame {
    place: Option<Rect>,
    sent: Vec<(u16, u16, String)>,
}

impl Frame {
    fn sent_at(&self, x: u16, y: u16) -> Option<&str> {
        self.sent.iter().find(|cell| (cell.0, cell.1) == (x, y)).map(|cell| &cell.2[..])
    }
}

impl Screen {
    fn new(capabilities: Capabilities) -> Self {
        let discarded = Discarded::default();
        Self {
            terminal: Terminal::new(TestBackend::new(20, 10)).unwrap(),
            painter: Painter::new(discarded.clone(), capabilities.tmux),
            discarded,
            capabilities,
        }
    }

    fn preview(&self, columns: u16, rows: u16) -> Preview {
        preview(&self.capabilities, columns, rows, &self.discarded)
    }

    /// Draws a picture, and pop-ups full of letters over it.
    fn draw(&mut self, preview: &Preview, covers: &[Rect]) -> Frame {
        let before = self.terminal.backend().buffer().clone();
        let mut place = None;
        let mut after = None;
        self.terminal
            .draw(|frame| {
                let area = frame.area();
                place = self.painter.paint(preview, frame.buffer_mut(), area, covers);
                for cover in covers {
                    Clear.render(*cover, frame.buffer_mut());
                    for position in cover.positions() {
                        frame.buffer_mut()[position].set_symbol("p");
                    }
                }
                after = Some(frame.buffer_mut().clone());
            })
            .unwrap();
        // The backend's buffer holds what it was sent before, as the terminal does.
        let after = after.unwrap();
        let sent = before.diff(&after).into_iter().map(|(x, y, cell)| (x, y, cell.symbol().to_owned())).collect();
        Frame { place, sent }
    }
}

fn ids_deleted(text: &str) -> Vec<u32> {
    text.split("a=d,d=I,i=").skip(1).map(|rest| rest.split(',').next().unwrap().parse().unwrap()).collect()
}

fn id_uploaded(text: &str) -> u32 {
    text.split("_Gq=2,i=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
}

#[test]
fn half_blocks_show_the_colours_in_the_middle_of_the_area() {
    let mut screen = Screen::new(terminal(Protocol::Blocks));
    // Three rows: the border between the colours runs through the middle of the second.
    let preview = screen.preview(4, 3);
    assert_eq!(screen.draw(&preview, &[]).place, Some(Rect::new(8, 3, 4, 3)));
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
fn without_true_colours_the_nearest_indexed_ones_are_used() {
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
fn a_picture_made_for_a_larger_area_is_not_drawn(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(21, 3);
    let frame = screen.draw(&preview, &[]);
    assert_eq!((frame.place, frame.sent.len()), (None, 0));
}

#[rstest]
#[case(Protocol::Iterm, "\x1b]1337;File=")]
#[case(Protocol::Sixel, "\x1bP")]
fn a_sent_picture_is_sent_once_with_the_cursor_where_ratatui_believes_it(
    #[case] protocol: Protocol,
    #[case] payload: &str,
) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(4, 3);
    let frame = screen.draw(&preview, &[]);
    let [(8, 3, sent)] = &frame.sent[..] else { panic!("only the first cell: {:?}", frame.sent) };
    assert!(sent.starts_with("\x1b7") && sent.contains(payload) && sent.ends_with("\x1b8\x1b[1C"));
    assert_eq!(screen.draw(&preview, &[]).sent, [], "nothing changed, nothing is sent");
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_closed_pop_up_leaves_no_ghost_on_a_sent_picture(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let preview = screen.preview(4, 3);
    screen.draw(&preview, &[]);
    let cover = Rect::new(10, 4, 6, 2);
    let open = screen.draw(&preview, &[cover]);
    assert!(open.place.is_some() && open.sent_at(10, 4) == Some("p") && open.sent_at(8, 3).is_none());
    let closed = screen.draw(&preview, &[]);
    assert!(closed.sent_at(8, 3).is_some_and(|sent| sent.len() > 50), "the picture is sent again");
    assert!(closed.sent_at(15, 4) == Some(" "), "beside the picture the letters are wiped");
    assert_eq!(screen.draw(&preview, &[]).sent, [], "once");
    // And a second time.
    screen.draw(&preview, &[cover]);
    assert!(screen.draw(&preview, &[]).sent_at(8, 3).is_some());
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_new_picture_is_not_sent_over_an_open_pop_up(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let (first, second) = (screen.preview(4, 3), screen.preview(4, 3));
    let cover = Rect::new(10, 4, 6, 2);
    screen.draw(&first, &[cover]);
    assert_eq!(screen.draw(&second, &[cover]).place, None);
    let closed = screen.draw(&second, &[]);
    assert!(closed.place.is_some() && closed.sent_at(8, 3).is_some());
}

#[rstest]
#[case(Protocol::Iterm)]
#[case(Protocol::Sixel)]
fn a_wide_picture_after_a_tall_one_leaves_nothing_of_it(#[case] protocol: Protocol) {
    let mut screen = Screen::new(terminal(protocol));
    let (tall, wide) = (screen.preview(2, 8), screen.preview(12, 2));
    let tall_place = screen.draw(&tall, &[]).place.unwrap();
    // ratatui compares with its own last frame, so the frame is drawn through it.
    let mut frame_before = Buffer::empty(Rect::new(0, 0, 20, 10));
    Screen::new(terminal(protocol)).painter.paint(&tall, &mut frame_before, Rect::new(0, 0, 20, 10), &[]);
    let mut frame_after = Buffer::empty(Rect::new(0, 0, 20, 10));
    let wide_place = screen.painter.paint(&wide, &mut frame_after, Rect::new(0, 0, 20, 10), &[]).unwrap();
    let sent = frame_before.diff(&frame_after);
    for position in tall_place.positions().filter(|at| !wide_place.contains(*at)) {
        assert!(sent.iter().any(|(x, y, cell)| (*x, *y) == (position.x, position.y) && cell.symbol() == " "));
    }
}

#[test]
fn a_kitty_picture_is_uploaded_once_and_not_under_a_pop_up() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let preview = screen.preview(4, 3);
    let over_first = Rect::new(5, 2, 4, 3);
    assert_eq!(screen.draw(&preview, &[over_first]).place, None, "it would be lost");
    let shown = screen.draw(&preview, &[]);
    assert!(shown.sent_at(8, 3).unwrap().contains("\x1b_G"));
    assert!(screen.draw(&preview, &[over_first]).place.is_some(), "the terminal has it now");
    let again = screen.draw(&preview, &[]);
    assert!(again.sent_at(8, 3).is_some_and(|sent| !sent.contains("\x1b_G") && sent.contains('\u{10EEEE}')));
}

#[test]
fn kitty_cells_right_of_a_pop_up_say_where_they_belong() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let preview = screen.preview(6, 4);
    screen.draw(&preview, &[]);
    let frame = screen.draw(&preview, &[Rect::new(6, 4, 3, 2)]);
    // The picture is at (7, 3); row 1, column 2. Marks 0, 1 and 2 of kitty's rowcolumn-diacritics.txt are U+0305, U+030D
    // and U+030E.
    let beside: Vec<char> = frame.sent_at(9, 4).unwrap().chars().collect();
    assert_eq!(beside[..3], ['\u{10EEEE}', '\u{30D}', '\u{30E}']);
    let below: Vec<char> = frame.sent_at(9, 5).unwrap().chars().collect();
    assert_eq!(below[..3], ['\u{10EEEE}', '\u{30E}', '\u{30E}']);
    let highest = screen.terminal.backend().buffer()[(7, 3)].symbol().chars().next_back();
    assert_eq!(beside.last().copied(), highest, "and to which picture");
    assert_eq!(frame.sent_at(10, 4), None, "the rest continues from there");
}

#[rstest]
#[case(false, "\x1b_Ga=d,")]
#[case(true, "\x1bPtmux;\x1b\x1b_Ga=d,")]
fn kitty_pictures_nobody_holds_are_deleted(#[case] tmux: bool, #[case] command: &str) {
    let mut screen = Screen::new(Capabilities { tmux, ..terminal(Protocol::Kitty) });
    let (first, second, unseen) = (screen.preview(4, 3), screen.preview(4, 3), screen.preview(4, 3));
    let first_id = id_uploaded(screen.draw(&first, &[]).sent_at(8, 3).unwrap());
    drop((first, unseen));
    assert_eq!(screen.discarded.take(), [0_u32; 0], "the painter still holds it: it is on the screen");
    let frame = screen.draw(&second, &[]);
    let sent = frame.sent_at(8, 3).unwrap();
    assert!(sent.starts_with(command), "{sent:?}");
    assert_eq!(ids_deleted(sent), [first_id], "what was never sent needs no deletion");
    assert_eq!(ids_deleted(screen.draw(&second, &[]).sent_at(8, 3).unwrap_or_default()), [0_u32; 0]);
}

#[test]
fn each_kitty_picture_has_an_id_of_its_own() {
    let mut screen = Screen::new(terminal(Protocol::Kitty));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        let preview = screen.preview(4, 3);
        assert!(seen.insert(id_uploaded(screen.draw(&preview, &[]).sent_at(8, 3).unwrap())));
    }
}
