//! Finds the objects of a file in which each is spread over several lines, or several are on one line.
//!
//! A record is the lines of one object, or its part of a line. Text that is not JSON becomes records too, so that it is
//! shown and kept: an unclosed object ends before a line on which only another record can begin.

use super::index::Mark;

/// Nesting levels whose kind is known.
const LEVELS: u32 = u128::BITS;

#[derive(Debug)]
pub(super) struct ObjectScanner {
    /// Offset of the next byte.
    offset: u64,
    line_start: u64,
    /// Number of the current line, from zero.
    line: u64,
    /// The line on which the last record starts, from one; zero before the first record.
    last_line: u64,
    /// The record whose end was not found yet.
    open: Option<Open>,
    /// Only white space was found on the current line.
    is_blank: bool,
    text: Text,
    depth: u32,
    /// One bit for each level, from the outermost: true for an array.
    arrays: u128,
    /// The last byte that is not white space.
    before: u8,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    start: u64,
    line: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    /// In a string.
    Inside,
    /// In a string, after a backslash.
    Escaped,
}

impl ObjectScanner {
    pub(super) const fn new(start: u64) -> Self {
        Self {
            offset: start,
            line_start: start,
            line: 0,
            last_line: 0,
            open: None,
            is_blank: true,
            text: Text::Outside,
            depth: 0,
            arrays: 0,
            before: 0,
        }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the end of the last complete record and of the blank lines after it.
    pub(super) fn settled(&self) -> u64 {
        self.open.map_or(self.line_start, |open| open.start)
    }

    pub(super) fn feed(&mut self, block: &[u8], marks: &mut Vec<Mark>) {
        for byte in block {
            self.offset += 1;
            match (self.text, byte) {
                (_, b'\n') => self.end_line(marks),
                (Text::Inside, b'\\') => self.text = Text::Escaped,
                (Text::Inside, b'"') => self.text = Text::Outside,
                (Text::Inside | Text::Escaped, _) => self.text = Text::Inside,
                (Text::Outside, byte) if byte.is_ascii_whitespace() => {}
                (Text::Outside, byte) => self.token(*byte, marks),
            }
        }
    }

    pub(super) fn finish(&mut self, marks: &mut Vec<Mark>) {
        self.close(marks);
        self.line_start = self.offset;
    }

    fn token(&mut self, byte: u8, marks: &mut Vec<Mark>) {
        let starts_line = std::mem::take(&mut self.is_blank);
        let ends_object = if self.depth == 0 { self.before == b'}' } else { starts_line && !self.allows_value() };
        if byte == b'{' && ends_object {
            self.close(marks);
        }
        if self.open.is_none() {
            let start = if starts_line { self.line_start } else { self.offset - 1 };
            self.open = Some(Open { start, line: self.line });
        }
        match byte {
            b'"' => self.text = Text::Inside,
            b'{' | b'[' => {
                if self.depth < LEVELS {
                    self.arrays &= !(1 << self.depth);
                    self.arrays |= u128::from(byte == b'[') << self.depth;
                }
                self.depth += 1;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.before = byte;
    }

    /// Returns true if a value may follow here.
    const fn allows_value(&self) -> bool {
        let level = self.depth - 1;
        let in_array = level >= LEVELS || self.arrays >> level & 1 == 1;
        self.before == b':' || in_array && matches!(self.before, b'[' | b',')
    }

    fn end_line(&mut self, marks: &mut Vec<Mark>) {
        // No string contains a newline.
        self.text = Text::Outside;
        if self.depth == 0 {
            self.close(marks);
        }
        self.line += 1;
        self.line_start = self.offset;
        self.is_blank = true;
    }

    fn close(&mut self, marks: &mut Vec<Mark>) {
        if let Some(Open { start, line }) = self.open.take() {
            marks.push(Mark { start, step: line + 1 - self.last_line });
            self.last_line = line + 1;
        }
        self.depth = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// (start, line from zero) of each record.
    fn found(bytes: &[u8], block: usize) -> Vec<(u64, u64)> {
        let (mut scanner, mut marks) = (ObjectScanner::new(0), Vec::new());
        for block in bytes.chunks(block) {
            scanner.feed(block, &mut marks);
            assert!(scanner.settled() <= scanner.offset());
        }
        scanner.finish(&mut marks);
        let mut line = 0;
        let place = |mark: Mark| {
            line += mark.step;
            (mark.start, line - 1)
        };
        marks.into_iter().map(place).collect()
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a-z{}\\[\\]\",:\\\\\n ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c{]{0,3}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_record_is_the_text_of_one_object(
            values in prop::collection::vec((value(), prop::sample::select(vec!["", " ", "\n", "\r\n \n\n"]), any::<bool>()), 1..6),
            block in 1_usize..40,
        ) {
            let (mut text, mut expected) = (String::new(), Vec::new());
            for (value, after, compact) in values {
                expected.push((text.len() as u64, text.matches('\n').count() as u64));
                let object = json!({ "a": value });
                let printed = if compact { object.to_string() } else { serde_json::to_string_pretty(&object).unwrap() };
                text.push_str(&printed);
                text.push_str(after);
            }
            prop_assert_eq!(found(text.as_bytes(), block), expected);
        }

        #[test]
        fn every_line_that_is_not_blank_is_in_a_record(
            bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,\\a \n".to_vec()), 0..80),
            block in 1_usize..20,
        ) {
            let found = found(&bytes, block);
            let first = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
            let line_start = |at: usize| bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            prop_assert_eq!(found.first().map(|(start, _)| *start), first.map(|at| line_start(at) as u64));
            for (start, line) in found {
                let start = usize::try_from(start).unwrap();
                let follows = bytes[start..].starts_with(b"{") && bytes[..start].trim_ascii_end().ends_with(b"}");
                prop_assert!(start == line_start(start) || follows, "{start}");
                prop_assert_eq!(memchr::memchr_iter(b'\n', &bytes[..start]).count() as u64, line);
            }
        }
    }

    #[test]
    fn an_unclosed_object_ends_before_the_next_one() {
        let text = "{\n \"a\": [1,\n{\n \"b\": 2},\n{\"c\": 3}]\n,\n{\n \"d\": \"x\n}\nnote\n{\n}\n}\n";
        let lines: Vec<u64> = found(text.as_bytes(), 7).into_iter().map(|(_, line)| line).collect();
        // The first object lacks its end; then come an object with a broken string, a note, an object and a brace.
        assert_eq!(lines, [0, 6, 9, 10, 12]);
    }
}
