//! Splits terminal output into characters, control sequences and control strings (ECMA-48, 5.4 and 5.6).

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Character(char),
    /// A control byte, or an escape sequence that is not a control string.
    Control(Vec<u8>),
    /// A control string: the second byte of its introducer (`ESC P`, `ESC _` or `ESC ]`), and the content.
    String(u8, Vec<u8>),
}

#[derive(Default)]
pub struct Parser {
    bytes: Vec<u8>,
    /// The number of bytes of an incomplete string already searched for its terminator.
    searched: usize,
}

impl Parser {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns true inside an incomplete control string, that is, in the middle of an image.
    pub fn is_inside_string(&self) -> bool {
        matches!(self.bytes[..], [0x1b, b'P' | b'_' | b']', ..])
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.searched = 0;
        self.bytes.drain(..length).collect()
    }

    fn string(&mut self, kind: u8) -> Option<Token> {
        let from = self.searched.max(2);
        let is_terminator = |at: usize| self.bytes[at] == 0x07 || self.bytes[at..].starts_with(b"\x1b\\");
        let Some(end) = (from..self.bytes.len()).find(|&at| is_terminator(at)) else {
            // The last byte can be the first of a two-byte terminator.
            self.searched = self.bytes.len() - 1;
            return None;
        };
        let length = if self.bytes[end] == 0x07 { end + 1 } else { end + 2 };
        let mut string = self.take(length);
        string.truncate(end);
        Some(Token::String(kind, string.split_off(2)))
    }
}

impl Iterator for Parser {
    type Item = Token;

    /// Returns the next complete token.
    fn next(&mut self) -> Option<Token> {
        match *self.bytes.first()? {
            0x1b => match *self.bytes.get(1)? {
                b'[' => {
                    let end = self.bytes[2..].iter().position(|byte| (0x40..=0x7e).contains(byte))?;
                    Some(Token::Control(self.take(end + 3)))
                }
                kind @ (b'P' | b'_' | b']') => self.string(kind),
                0x20..=0x2f => self.bytes.get(2).is_some().then(|| Token::Control(self.take(3))),
                _ => Some(Token::Control(self.take(2))),
            },
            0x00..=0x1f | 0x7f => Some(Token::Control(self.take(1))),
            first => {
                let length = match first {
                    0x00..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                if self.bytes.len() < length {
                    return None;
                }
                let bytes = self.take(length);
                let text = String::from_utf8(bytes).expect("the program writes UTF-8");
                text.chars().next().map(Token::Character)
            }
        }
    }
}

#[test]
fn tokens_do_not_depend_on_how_the_bytes_are_split() {
    let written = "a한\x1b[2J\x1b7\x1bPq#0~\x1b\\\r\x1b]0;title\x07\x1b_Ga=q;AAAA\x1b\\\x1b(Bz".as_bytes();
    let mut parser = Parser::default();
    parser.push(written);
    let expected: Vec<Token> = parser.collect();
    assert_eq!(expected.len(), 10);
    assert_eq!(expected[4], Token::String(b'P', b"q#0~".to_vec()));
    let (mut parser, mut tokens) = (Parser::default(), Vec::new());
    for byte in written {
        parser.push(&[*byte]);
        tokens.extend(&mut parser);
    }
    assert_eq!(tokens, expected);
}
