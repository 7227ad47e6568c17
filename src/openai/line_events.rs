//! Server-sent events: splits a byte stream into the data of its events.
//!
//! `eventsource-stream` 0.2.3 panics on a byte order mark, and discards an event that is not followed by an empty line,
//! which some servers leave out after the last one.

/// Decodes events from chunks of any size.
#[derive(Debug, Default)]
pub(super) struct LineEvents {
    line: Vec<u8>,
    /// The data of the current event. `None` if it has none yet.
    data: Option<String>,
    /// Whether the last byte was a carriage return, which a line feed may follow.
    after_return: bool,
    started: bool,
}

impl LineEvents {
    /// Returns the data of the events that the chunk completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in chunk {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                byte => self.line.push(byte),
            }
            self.after_return = byte == b'\r';
        }
        events
    }

    /// Returns the data of an event that the end of the stream completes.
    pub(super) fn end(&mut self) -> Option<String> {
        self.end_line().or_else(|| self.data.take())
    }

    /// Returns the data of the event if the line ends it.
    fn end_line(&mut self) -> Option<String> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let line = if self.started { &line } else { line.trim_start_matches('\u{feff}') };
        self.started = true;
        if line.is_empty() {
            return self.data.take();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // Some servers send errors without the name of the field.
        let value = match field {
            "data" => value.strip_prefix(' ').unwrap_or(value),
            _ if line.starts_with('{') => line,
            _ => return None,
        };
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut decoder = LineEvents::default();
        let mut events: Vec<String> = chunks.iter().flat_map(|chunk| decoder.push(chunk)).collect();
        events.extend(decoder.end());
        events
    }

    #[rstest]
    #[case::line_feeds("data: a\n\ndata: b\n\n", &["a", "b"])]
    #[case::carriage_returns("data: a\r\rdata: b\r\r", &["a", "b"])]
    #[case::both("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"])]
    #[case::no_space("data:a\n\ndata:  b\n\n", &["a", " b"])]
    #[case::several_lines("data: {\"a\":\ndata: 1}\n\n", &["{\"a\":\n1}"])]
    #[case::comments(": OPENROUTER PROCESSING\n\n:\n\ndata: a\n\n", &["a"])]
    #[case::other_fields("event: message\nid: 1\nretry: 5\ndata: a\n\nevent: ping\n\n", &["a"])]
    #[case::byte_order_mark("\u{feff}data: a\n\n", &["a"])]
    #[case::no_empty_line_at_the_end("data: a\n\ndata: [DONE]\n", &["a", "[DONE]"])]
    #[case::no_line_end_at_the_end("data: a\n\ndata: [DONE]", &["a", "[DONE]"])]
    #[case::no_field_name("{\"error\": 1}\n", &["{\"error\": 1}"])]
    #[case::empty_data("data\n\ndata:\n\n", &["", ""])]
    #[case::nothing("\n\n\n", &[])]
    fn events_have_the_data_of_their_lines(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(events(&[text.as_bytes()]), expected);
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_give_the_same_events(
            lines in proptest::collection::vec("(data: ?|: |id: |)[a-z{}é한 ]{0,8}(\r\n|\n|\r)", 0..20),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&chunks), events(&[&bytes]));
        }

        #[test]
        fn any_bytes_are_decoded(bytes: Vec<u8>) {
            events(&[&bytes]);
        }
    }
}
