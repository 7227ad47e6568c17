//! Reads the texts of bulk changes.

use rusqlite::{Row, Rows};

use super::super::error::Fault;
use super::super::event::Seq;

/// A number of items, and their texts compressed.
pub(in crate::session) type Block<T> = (Vec<T>, Vec<u8>);

/// The blocks of texts of a session, in the order of their events.
pub(in crate::session) struct TextBlocks<'statement>(Rows<'statement>);

impl<'statement> TextBlocks<'statement> {
    pub(in crate::session) const QUERY: &'static str = "SELECT seq, count, texts FROM text_block ORDER BY id";

    /// `rows` are those of [`Self::QUERY`].
    pub(in crate::session) const fn new(rows: Rows<'statement>) -> Self {
        Self(rows)
    }

    /// Returns the blocks of an event, with these items instead of its subjects. To be called for all such events in
    /// order.
    pub(in crate::session) fn of<T>(&mut self, seq: Seq, items: Vec<T>) -> Result<Vec<Block<T>>, Fault> {
        let missing = || Fault::Damaged(format!("the texts of event {} are missing", seq.0));
        let read = |row: &Row| -> Result<_, Fault> {
            let of = Seq(row.get::<_, i64>(0)?.cast_unsigned());
            let count = usize::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
            Ok((of, count, row.get::<_, Vec<u8>>(2)?))
        };
        let mut items = items.into_iter();
        let mut blocks = Vec::new();
        while items.len() > 0 {
            let (of, count, packed) = read(self.0.next()?.ok_or_else(missing)?)?;
            if of != seq || count == 0 || count > items.len() {
                return Err(missing());
            }
            blocks.push((items.by_ref().take(count).collect(), packed));
        }
        Ok(blocks)
    }
}
