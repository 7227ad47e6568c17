//! A key press, as written in a keymap and as decoded from the terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with modifiers. A character implies Shift itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// An invalid key in a keymap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown key \"{0}\" (examples: a, G, Enter, F1, ctrl-s, alt-x, shift-Tab; a sequence: \"g g\")")]
pub struct KeyError(String);

const NAMED: [(&str, KeyCode); 14] = [
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Space", KeyCode::Char(' ')),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
];

const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];

impl Key {
    /// Parses keys separated by white space.
    ///
    /// # Errors
    /// Returns an error if a word is not a key, or if there is none.
    pub fn parse_sequence(text: &str) -> Result<Vec<Self>, KeyError> {
        let keys: Vec<Self> = text.split_whitespace().map(Self::parse).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError(text.to_owned())) } else { Ok(keys) }
    }

    fn parse(word: &str) -> Result<Self, KeyError> {
        let unknown = || KeyError(word.to_owned());
        let mut rest = word;
        let mut modifiers = KeyModifiers::NONE;
        while let Some((prefix, modifier)) = MODIFIERS.iter().find(|(prefix, _)| {
            rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
                && rest.len() > prefix.len()
        }) {
            modifiers |= *modifier;
            rest = &rest[prefix.len()..];
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(only), None) => KeyCode::Char(only),
            _ => Self::named(rest).ok_or_else(unknown)?,
        };
        Ok(Self::new(code, modifiers))
    }

    fn named(name: &str) -> Option<KeyCode> {
        let function =
            name.strip_prefix(['F', 'f']).and_then(|number| number.parse().ok()).filter(|n| (1..=24).contains(n));
        function
            .map(KeyCode::F)
            .or_else(|| NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, code)| *code))
    }

    /// Normalises a key: terminals differ in whether they report Shift with a capital or a back-tab.
    fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let modifiers = modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match code {
            KeyCode::BackTab => Self { code: KeyCode::Tab, modifiers: modifiers | KeyModifiers::SHIFT },
            KeyCode::Char(character) if modifiers.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(character.to_ascii_lowercase()), modifiers: modifiers - KeyModifiers::SHIFT }
            }
            KeyCode::Char(_) => Self { code, modifiers: modifiers - KeyModifiers::SHIFT },
            _ => Self { code, modifiers },
        }
    }

    /// Maps a key of a Korean keyboard layout to the Latin letter on the same key.
    #[must_use]
    pub fn as_latin(self) -> Self {
        match self.code {
            KeyCode::Char(character) => Self { code: KeyCode::Char(latin(character)), ..self },
            _ => self,
        }
    }

    /// Formats keys for the screen: `gg`, `^s`, `Shift-Tab`.
    #[must_use]
    pub fn sequence_name(keys: &[Self]) -> String {
        let separator = if keys.iter().all(|key| matches!(key.code, KeyCode::Char(_))) { "" } else { " " };
        keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(separator)
    }

    fn name(self) -> String {
        let mut name = String::new();
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            name.push('^');
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            name.push_str("Alt-");
        }
        if self.modifiers.contains(KeyModifiers::SHIFT) {
            name.push_str("Shift-");
        }
        match self.code {
            KeyCode::F(number) => name.extend(["F", &number.to_string()]),
            KeyCode::Char(' ') => name.push_str("Space"),
            KeyCode::Char(character) => name.push(character),
            KeyCode::Up => name.push('↑'),
            KeyCode::Down => name.push('↓'),
            KeyCode::Left => name.push('←'),
            KeyCode::Right => name.push('→'),
            code => name.push_str(NAMED.iter().find(|(_, known)| *known == code).map_or("?", |(name, _)| *name)),
        }
        name
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

/// Returns the Latin letter on the key of a jamo in the standard two-set layout (KS X 5002).
fn latin(character: char) -> char {
    const JAMO: &str = "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔㅁㄴㅇㄹㅎㅗㅓㅏㅣㅋㅌㅊㅍㅠㅜㅡㅃㅉㄸㄲㅆㅒㅖ";
    const LATIN: &str = "qwertyuiopasdfghjklzxcvbnmQWERTOP";
    JAMO.chars().zip(LATIN.chars()).find(|(jamo, _)| *jamo == character).map_or(character, |(_, latin)| latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_parsed_as_the_terminal_reports_them() {
        let cases = [
            ("G", KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)),
            ("ctrl-s", KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL)),
            ("shift-Tab", KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
            ("Shift-Tab", KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE)),
            ("f1", KeyEvent::new(KeyCode::F(1), KeyModifiers::NONE)),
            ("-", KeyEvent::new(KeyCode::Char('-'), KeyModifiers::NONE)),
            ("ctrl--", KeyEvent::new(KeyCode::Char('-'), KeyModifiers::CONTROL)),
            ("space", KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE)),
        ];
        for (written, event) in cases {
            assert_eq!(Key::parse_sequence(written), Ok(vec![Key::from(event)]), "{written}");
        }
    }

    #[test]
    fn errors_name_the_key() {
        for wrong in ["", "hyper-a", "F0", "F99", "Enterr"] {
            assert_eq!(Key::parse_sequence(wrong), Err(KeyError(wrong.to_owned())));
        }
    }

    #[test]
    fn a_korean_layout_maps_to_latin_keys() {
        let jamo = Key::from(KeyEvent::new(KeyCode::Char('ㅁ'), KeyModifiers::NONE));
        assert_eq!(vec![jamo.as_latin()], Key::parse_sequence("a").expect("a is a key"));
    }
}
