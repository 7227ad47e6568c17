//! The values of one leaf column, read in batches, with their definition and repetition levels.

use std::sync::Arc;

use ::parquet::column::page::PageReader;
use ::parquet::column::reader::{ColumnReader, get_column_reader};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::schema::types::ColumnDescPtr;

use super::form::{Form, Values};
use super::value::{Loss, Stored};

/// Records per batch.
const BATCH: usize = 1024;
/// Values that are examined to tell text from data.
const SAMPLE: usize = 100;

#[derive(Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) definition: i16,
    pub(crate) repetition: i16,
}

/// The values of a column without children.
pub(crate) struct Leaf {
    column: ColumnReader,
    form: Form,
    pub(crate) maximum: Levels,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Values,
    /// The next level of the batch.
    level: usize,
    /// The number of levels in the batch.
    levels: usize,
    /// The next value of the batch.
    value: usize,
}

impl Leaf {
    pub(crate) fn new(descriptor: &ColumnDescPtr, form: Form, pages: Box<dyn PageReader>) -> Self {
        let maximum = Levels { definition: descriptor.max_def_level(), repetition: descriptor.max_rep_level() };
        let column = get_column_reader(Arc::clone(descriptor), pages);
        let values = Values::new(descriptor.physical_type());
        let (definitions, repetitions) = (Vec::new(), Vec::new());
        Self { column, form, maximum, definitions, repetitions, values, level: 0, levels: 0, value: 0 }
    }

    /// Returns the next levels.
    pub(crate) fn level(&mut self) -> Result<Levels> {
        if self.level == self.levels && !self.fill()? {
            return Err(general("a column has fewer values than the table has rows"));
        }
        Ok(self.current())
    }

    /// Returns true if the next value is in the same list as the previous one.
    pub(crate) fn is_within(&mut self, repetition: i16) -> Result<bool> {
        Ok((self.level < self.levels || self.fill()?) && self.current().repetition >= repetition)
    }

    fn current(&self) -> Levels {
        let at = |levels: &[i16], maximum| if maximum == 0 { 0 } else { levels.get(self.level).copied().unwrap_or(0) };
        Levels {
            definition: at(&self.definitions, self.maximum.definition),
            repetition: at(&self.repetitions, self.maximum.repetition),
        }
    }

    /// Reads the next batch. Returns false if there is none.
    fn fill(&mut self) -> Result<bool> {
        self.definitions.clear();
        self.repetitions.clear();
        let levels = (Some(&mut self.definitions), Some(&mut self.repetitions));
        macro_rules! read {
            ($column:expr, $values:expr) => {{
                $values.clear();
                $column.read_records(BATCH, levels.0, levels.1, $values)
            }};
        }
        let (_, _, read) = match (&mut self.column, &mut self.values) {
            (ColumnReader::BoolColumnReader(column), Values::Booleans(values)) => read!(column, values),
            (ColumnReader::Int32ColumnReader(column), Values::Int32s(values)) => read!(column, values),
            (ColumnReader::Int64ColumnReader(column), Values::Int64s(values)) => read!(column, values),
            (ColumnReader::Int96ColumnReader(column), Values::Int96s(values)) => read!(column, values),
            (ColumnReader::FloatColumnReader(column), Values::Floats(values)) => read!(column, values),
            (ColumnReader::DoubleColumnReader(column), Values::Doubles(values)) => read!(column, values),
            (ColumnReader::ByteArrayColumnReader(column), Values::Bytes(values)) => read!(column, values),
            (ColumnReader::FixedLenByteArrayColumnReader(column), Values::FixedBytes(values)) => read!(column, values),
            _ => return Err(general("a column of an unexpected type")),
        }?;
        (self.level, self.levels, self.value) = (0, read, 0);
        Ok(read > 0)
    }

    pub(crate) fn skip(&mut self) -> Result<()> {
        let definition = self.level()?.definition;
        self.level += 1;
        self.value += usize::from(definition == self.maximum.definition);
        Ok(())
    }

    /// Appends the JSON of the next value.
    pub(crate) fn read(&mut self, out: &mut String, lost: &mut dyn FnMut(Loss)) -> Result<()> {
        if self.level()?.definition != self.maximum.definition {
            return Err(general("a required value is missing"));
        }
        let written = self.form.write(self.stored()?, out);
        if let Err(loss) = written {
            lost(loss);
        }
        self.level += 1;
        self.value += 1;
        Ok(())
    }

    /// Returns the next value if it is text that is not null.
    pub(crate) fn text(&mut self) -> Result<Option<String>> {
        if self.level()?.definition != self.maximum.definition {
            self.skip()?;
            return Ok(None);
        }
        let text = match self.stored()? {
            Stored::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        };
        self.skip()?;
        Ok(text)
    }

    /// Returns true if most of the first values are not text, as in a column of encoded images; `None` if there are no
    /// values.
    pub(crate) fn is_data(&mut self) -> Result<Option<bool>> {
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        while self.fill()? {
            let bytes: Vec<&[u8]> = match &self.values {
                Values::Bytes(values) => values.iter().map(ByteArray::data).collect(),
                Values::FixedBytes(values) => values.iter().map(|value| value.data()).collect(),
                _ => return Ok(Some(false)),
            };
            let sample = bytes.into_iter().filter(|bytes| !bytes.is_empty()).take(SAMPLE);
            let sample: Vec<bool> = sample.map(is_text).collect();
            if !sample.is_empty() {
                let texts = sample.iter().filter(|is_text| **is_text).count();
                return Ok(Some(self.form == Form::Data || texts * 2 < sample.len()));
            }
        }
        Ok(None)
    }

    fn stored(&self) -> Result<Stored<'_>> {
        let at = self.value;
        let value = match &self.values {
            Values::Booleans(values) => values.get(at).map(|value| Stored::Boolean(*value)),
            Values::Int32s(values) => values.get(at).map(|value| match self.form {
                Form::Unsigned => Stored::Integer(value.cast_unsigned().into()),
                _ => Stored::Integer((*value).into()),
            }),
            Values::Int64s(values) => values.get(at).map(|value| Stored::Integer(*value)),
            Values::Int96s(values) => values.get(at).map(|value| {
                let &[low, high, day] = value.data() else { return Stored::Int96(0, 0) };
                Stored::Int96(u64::from(high) << 32 | u64::from(low), day)
            }),
            Values::Floats(values) => values.get(at).map(|value| Stored::Float((*value).into())),
            Values::Doubles(values) => values.get(at).map(|value| Stored::Float(*value)),
            Values::Bytes(values) => values.get(at).map(|value| Stored::Bytes(value.data())),
            Values::FixedBytes(values) => values.get(at).map(|value| Stored::Bytes(value.data())),
        };
        value.ok_or_else(|| general("a column has fewer values than levels"))
    }
}

pub(crate) fn general(message: &str) -> ParquetError {
    ParquetError::General(message.to_owned())
}
