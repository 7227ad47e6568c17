//! Keys against an independent model, which is a list of grapheme clusters and a place in it.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rstest::rstest;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

fn field(text: &str, purpose: Purpose) -> TextField {
    let field = TextField::new(purpose, Buffer::new(text, usize::MAX));
    field.area.set(Rect::new(0, 0, 21, 4));
    field
}

/// Parses "^w" (control), "M-b" (alt), a name or characters to type.
fn keys(names: &str) -> Vec<KeyEvent> {
    let special = |name: &str| match name {
        "Left" => Some(KeyCode::Left),
        "Right" => Some(KeyCode::Right),
        "Up" => Some(KeyCode::Up),
        "Down" => Some(KeyCode::Down),
        "Home" => Some(KeyCode::Home),
        "End" => Some(KeyCode::End),
        "Delete" => Some(KeyCode::Delete),
        "Backspace" => Some(KeyCode::Backspace),
        "Space" => Some(KeyCode::Char(' ')),
        _ => None,
    };
    let key = |name: &str| {
        let (modifiers, name) = match (name.strip_prefix('^'), name.strip_prefix("M-")) {
            (Some(letter), _) => (KeyModifiers::CONTROL, letter),
            (_, Some(letter)) => (KeyModifiers::ALT, letter),
            _ => (KeyModifiers::NONE, name),
        };
        let code = special(name).map_or_else(|| name.chars().map(KeyCode::Char).collect(), |code| vec![code]);
        code.into_iter().map(move |code| KeyEvent::new(code, modifiers)).collect::<Vec<_>>()
    };
    names.split(' ').flat_map(key).collect()
}

fn pressed(text: &str, names: &str) -> (String, usize) {
    let (mut field, mut kills) = (field(text, Purpose::Caption(RecordId(0))), Kills::default());
    for key in keys(names) {
        field.press(key, &mut kills);
    }
    (field.text().to_owned(), field.buffer.cursor())
}

#[rstest]
#[case("a red coat", "^u", "", 0)]
#[case("a red coat", "M-b ^u", "coat", 0)]
#[case("a red coat", "^a M-f ^k", "a", 1)]
#[case("a red-hot coat", "^w ^w", "a ", 2)]
#[case("a red-hot", "M-Backspace", "a red-", 6)]
#[case("a red coat", "^a M-d M-d", " coat", 0)]
#[case("a red coat", "^w ^w ^a ^y", "red coata ", 8)]
#[case("a red coat", "^w Left ^w ^y", "a red ", 5)]
#[case("a coat", "^u ^_", "a coat", 6)]
#[case("a coat", "^u ^7 ^r", "", 0)]
#[case("a caot", "Left Left ^t", "a coat", 5)]
#[case("a co", "^t", "a oc", 4)]
#[case("a", "^t", "a", 1)]
#[case("one\ntwo", "^a Backspace", "onetwo", 3)]
#[case("one\ntwo", "Up ^k ^k", "one", 3)]
#[case("one\r\ntwo", "Up ^e ^d", "onetwo", 3)]
#[case("one", "^j", "one\n", 4)]
#[case("빨간 코트", "M-b", "빨간 코트", 7)]
#[case("빨간 코트", "^w", "빨간 ", 7)]
#[case("a coat", "^b ^b ^h ^f ^d", "a ca", 4)]
#[case("a coat", "M-< Delete Right x", " xcoat", 2)]
fn keys_do_what_those_of_readline_do(
    #[case] before: &str,
    #[case] names: &str,
    #[case] after: &str,
    #[case] cursor: usize,
) {
    assert_eq!(pressed(before, names), (after.to_owned(), cursor));
}

#[rstest]
#[case("Up", 0)]
#[case("^a Down", 10)]
#[case("^a Right Down Up", 0)]
fn beyond_the_first_and_the_last_row_is_an_end_of_the_text(#[case] names: &str, #[case] cursor: usize) {
    assert_eq!(pressed("a red coat", names).1, cursor);
}

#[test]
fn the_goal_column_survives_short_rows() {
    let (text, names) = ("a long line\nb\nanother line", "Left Left Up Up");
    assert_eq!(pressed(text, names), (text.to_owned(), 10));
}

/// The clusters of a text and a place among them.
#[derive(Clone, Debug)]
struct Model {
    clusters: Vec<String>,
    place: usize,
    killed: String,
    killing: bool,
}

impl Model {
    fn new(text: &str) -> Self {
        let mut model = Self { clusters: Vec::new(), place: 0, killed: String::new(), killing: false };
        model.set(text, "");
        model
    }

    fn before(&self) -> String {
        self.clusters[..self.place].concat()
    }

    fn after(&self) -> String {
        self.clusters[self.place..].concat()
    }

    /// Sets the text, with the cursor after `before`, or after the cluster that joins both.
    fn set(&mut self, before: &str, after: &str) {
        self.clusters = format!("{before}{after}").graphemes(true).map(str::to_owned).collect();
        self.place = (0..=self.clusters.len())
            .find(|place| self.clusters[..*place].concat().len() >= before.len())
            .expect("the whole text is at least as long");
    }

    fn is_break(&self, place: usize) -> bool {
        matches!(self.clusters[place].as_str(), "\n" | "\r\n")
    }

    fn line_start(&self) -> usize {
        (0..self.place).rev().find(|place| self.is_break(*place)).map_or(0, |place| place + 1)
    }

    fn line_end(&self) -> usize {
        (self.place..self.clusters.len()).find(|place| self.is_break(*place)).unwrap_or(self.clusters.len())
    }

    fn kill(&mut self, from: usize, to: usize) {
        let deleted = self.clusters[from..to].concat();
        let (before, after) = (self.clusters[..from].concat(), self.clusters[to..].concat());
        self.killed = match (self.killing, from < self.place) {
            (false, _) => deleted,
            (true, true) => deleted + &self.killed,
            (true, false) => format!("{}{deleted}", self.killed),
        };
        self.killing = true;
        self.set(&before, &after);
    }

    fn press(&mut self, key: &str) {
        let (at, end) = (self.place, self.clusters.len());
        let is_space = |cluster: &String| cluster.trim().is_empty();
        let place_of = |bytes: usize| (0..=end).find(|place| self.clusters[..*place].concat().len() >= bytes);
        match key {
            "^u" => return self.kill(self.line_start(), at),
            "^k" if self.line_end() == at => return self.kill(at, (at + 1).min(end)),
            "^k" => return self.kill(at, self.line_end()),
            "^w" => {
                let word_end =
                    (0..at).rev().find(|place| !is_space(&self.clusters[*place])).map_or(0, |place| place + 1);
                let start = (0..word_end).rev().find(|place| is_space(&self.clusters[*place]));
                return self.kill(start.map_or(0, |place| place + 1), at);
            }
            "M-d" => {
                let after = self.after();
                let word = after.split_word_bound_indices().find(|(_, word)| word.contains(char::is_alphanumeric));
                let to = word.map_or(end, |(start, word)| {
                    place_of(self.before().len() + start + word.len()).expect("within the text")
                });
                return self.kill(at, to);
            }
            _ => {}
        }
        self.killing = false;
        match key {
            "Left" | "^b" => self.place = at.saturating_sub(1),
            "Right" | "^f" => self.place = (at + 1).min(end),
            "^a" => self.place = self.line_start(),
            "^e" => self.place = self.line_end(),
            "M-b" => {
                let before = self.before();
                let word = before.split_word_bound_indices().rfind(|(_, word)| word.contains(char::is_alphanumeric));
                self.place = place_of(word.map_or(0, |(start, _)| start)).expect("within the text");
            }
            "Backspace" => {
                let (before, after) = (self.clusters[..at.saturating_sub(1)].concat(), self.after());
                self.set(&before, &after);
            }
            "Delete" => {
                let (before, after) = (self.before(), self.clusters[(at + 1).min(end)..].concat());
                self.set(&before, &after);
            }
            "^t" => {
                let to = if self.line_end() == at { at } else { at + 1 };
                if to >= self.line_start() + 2 {
                    let start = self.clusters[..to - 2].concat();
                    let (before, after) =
                        (start + &self.clusters[to - 1] + &self.clusters[to - 2], self.clusters[to..].concat());
                    self.set(&before, &after);
                }
            }
            "^y" => {
                let (before, after) = (self.before() + &self.killed, self.after());
                self.set(&before, &after);
            }
            typed => {
                let typed = if typed == "Space" { " " } else { typed };
                let (before, after) = (self.before() + typed, self.after());
                self.set(&before, &after);
            }
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        " ",
        "-",
        "\n",
        "\r\n",
        "\r",
        "👩\u{200d}👩\u{200d}👧",
        "👩",
        "🇰🇷",
        "🇰",
        "\u{1112}\u{1161}\u{11ab}",
        "\u{1161}",
        "가",
        "e\u{301}",
        "\u{301}",
        "\u{200d}",
        "\u{200b}",
        "\u{1b}",
        "帽",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), any::<String>()]
}

fn any_keys() -> impl Strategy<Value = Vec<&'static str>> {
    let key = prop::sample::select(vec![
        "Left",
        "Right",
        "^b",
        "^f",
        "^a",
        "^e",
        "M-b",
        "Backspace",
        "Delete",
        "^u",
        "^k",
        "^w",
        "M-d",
        "^t",
        "^y",
        "x",
        "Space",
        "가",
        "\u{301}",
        "\u{200d}",
        "🇰",
        "👩",
        "\u{1161}",
    ]);
    prop::collection::vec(key, 0..24)
}

/// Draws a field and returns the cell of the cursor.
fn cursor_cell(field: &TextField, width: u16, height: u16) -> Position {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
    terminal.draw(|frame| field.draw(frame, frame.area(), Style::new(), Vec::new())).expect("memory");
    terminal.get_cursor_position().expect("memory")
}

proptest! {
    #[test]
    fn any_keys_do_to_any_text_what_they_do_to_its_clusters(before in any_text(), names in any_keys()) {
        let (mut field, mut kills) = (field(&before, Purpose::Caption(RecordId(0))), Kills::default());
        let mut model = Model::new(&before);
        for name in names {
            for key in keys(name) {
                field.press(key, &mut kills);
            }
            model.press(name);
            prop_assert_eq!(field.text(), model.clusters.concat(), "{}", name);
            prop_assert_eq!(field.buffer.cursor(), model.before().len(), "{} in {:?}", name, field.text());
        }
        let after = field.text().to_owned();
        let press = |field: &mut TextField, name| keys(name).into_iter().for_each(|key| drop(field.press(key, &mut Kills::default())));
        for _ in 0..64 {
            press(&mut field, "^_");
        }
        prop_assert_eq!(field.text(), before);
        for _ in 0..64 {
            press(&mut field, "^r");
        }
        prop_assert_eq!(field.text(), after);
    }

    #[test]
    fn the_cursor_is_after_the_width_of_the_text_before_it(before in any_text(), names in any_keys()) {
        let on_one_line = before.replace(['\n', '\r'], " ");
        let (mut field, mut kills) = (field(&on_one_line, Purpose::Filter), Kills::default());
        for key in names.into_iter().flat_map(keys) {
            field.press(key, &mut kills);
            let shown = text::sanitize_multiline(&field.text()[..field.buffer.cursor()]).into_owned();
            prop_assert_eq!(usize::from(cursor_cell(&field, 2_000, 1).x), text::width(&shown));
        }
    }

    #[test]
    fn the_cursor_is_on_the_screen_and_clicked_back(
        before in any_text(), names in any_keys(), width in 1_u16..24, height in 1_u16..5, multiline in any::<bool>()
    ) {
        let purpose = if multiline { Purpose::Caption(RecordId(0)) } else { Purpose::Note(RecordId(0)) };
        let (mut field, mut kills) = (field(&before, purpose), Kills::default());
        for key in names.into_iter().flat_map(keys) {
            field.press(key, &mut kills);
            let at = cursor_cell(&field, width, height);
            prop_assert!(at.x < width && at.y < height);
            let (cursor, (_, column)) = (field.buffer.cursor(), field.rows().position(field.buffer.cursor()));
            // A tab or a cluster wider than the screen pushes the cursor over the edge.
            if column - field.scroll.get().1 < usize::from(width) {
                field.click(at);
                prop_assert_eq!(field.buffer.cursor(), cursor);
            }
        }
    }
}

#[rstest]
#[case("a \u{1b}[31mred\u{1b}[0m\u{7} coat.", "a red coat.")]
#[case("a\u{9b}1mb\u{85}c\u{1b}", "abc")]
#[case("a \u{1b}]0;title", "a ]0;title")]
#[case("one\r\ntwo\tthree\rfour", "one\ntwo\tthree\nfour")]
fn control_characters_are_not_pasted(#[case] pasted: &str, #[case] after: &str) {
    let mut field = field("", Purpose::Caption(RecordId(0)));
    field.paste(pasted);
    assert_eq!(field.text(), after);
}

#[test]
fn control_characters_are_shown() {
    let field = field("a\u{1b}\u{7}\u{200b}b", Purpose::Caption(RecordId(0)));
    let mut terminal = Terminal::new(TestBackend::new(20, 1)).expect("a terminal in memory");
    terminal.draw(|frame| field.draw(frame, frame.area(), Style::new(), Vec::new())).expect("memory");
    assert_eq!(terminal.backend().to_string().trim_matches(&['"', ' ', '\n'][..]), "a␛␇⟨U+200B⟩b");
}
