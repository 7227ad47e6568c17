//! Values of a column without children, as they are stored, with Parquet's levels.

use ::parquet::basic::{ConvertedType, IntType, LogicalType, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, Int96};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::Type;
use half::f16;

use super::cell::Cell;
use super::number::{Decimal, float, integer, to_bytes};
use super::time;
use crate::dataset::JsonKind;
use crate::parquet_file::{EPOCH_JULIAN_DAY, Form, NANOS_PER_DAY, Values};

/// A value that a column cannot hold exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misfit;

pub(super) struct Leaf {
    form: Form,
    /// The values that an integer may have.
    range: (i128, i128),
    /// The number of digits a decimal may have.
    precision: usize,
    /// The number of bytes of a value of fixed length.
    length: usize,
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

impl Leaf {
    pub(super) fn new(column: &Type) -> Self {
        let values = Values::new(column.get_physical_type());
        let length = match column {
            Type::PrimitiveType { type_length, .. } => usize::try_from(*type_length).unwrap_or_default(),
            Type::GroupType { .. } => 0,
        };
        Self {
            form: Form::of(column),
            range: range(column),
            precision: usize::try_from(column.get_precision()).unwrap_or_default(),
            length,
            values,
            definitions: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    /// Appends a value.
    pub(super) fn put(&mut self, cell: Cell<'_>, definition: i16, repetition: i16) -> Result<(), Misfit> {
        self.store(cell).ok_or(Misfit)?;
        self.put_null(definition, repetition);
        Ok(())
    }

    /// Appends the levels of a null or an empty list.
    pub(super) fn put_null(&mut self, definition: i16, repetition: i16) {
        self.definitions.push(definition);
        self.repetitions.push(repetition);
    }

    fn store(&mut self, cell: Cell<'_>) -> Option<()> {
        match self.form {
            Form::Boolean => match &mut self.values {
                Values::Booleans(values) if cell.kind() == JsonKind::Boolean => values.push(cell.raw() == "true"),
                _ => return None,
            },
            Form::Signed | Form::Unsigned => return self.store_integer(integer(cell.number()?)?),
            Form::Float | Form::Float16 => return self.store_float(float(cell.number()?)?),
            Form::Decimal(scale) => return self.store_decimal(&Decimal::parse(cell.number()?)?, scale),
            Form::Date => {
                return self.store_integer(stored_number(cell).or_else(|| time::days(&cell.text()?.text))?);
            }
            Form::Time(unit) => {
                let nanos = || exact(time::nanos_of_day(&cell.text()?.text)?, unit);
                return self.store_integer(stored_number(cell).or_else(nanos)?);
            }
            Form::Timestamp { unit, is_utc } => {
                let nanos = || exact(time::nanos(&cell.text()?.text, is_utc)?, unit);
                return self.store_integer(stored_number(cell).or_else(nanos)?);
            }
            Form::Int96 => {
                let nanos = stored_number(cell).or_else(|| time::nanos(&cell.text()?.text, false))?;
                let day = u32::try_from(nanos.div_euclid(NANOS_PER_DAY) + EPOCH_JULIAN_DAY).ok()?;
                let of_day = u64::try_from(nanos.rem_euclid(NANOS_PER_DAY)).ok()?;
                let Values::Int96s(values) = &mut self.values else { return None };
                let mut value = Int96::new();
                let (low, high) = (u32::try_from(of_day & 0xFFFF_FFFF).ok()?, u32::try_from(of_day >> 32).ok()?);
                value.set_data(low, high, day);
                values.push(value);
            }
            Form::Uuid => return self.store_bytes(uuid(&cell.text()?.text)?),
            Form::Text | Form::Bytes => return self.store_bytes(cell.text()?.text.into_owned().into_bytes()),
            Form::Data | Form::Null => return None,
        }
        Some(())
    }

    fn store_integer(&mut self, value: i128) -> Option<()> {
        if value < self.range.0 || value > self.range.1 {
            return None;
        }
        match &mut self.values {
            // Unsigned integers have the bits of the signed ones.
            Values::Int32s(values) => {
                values.push(i32::try_from(value).or_else(|_| u32::try_from(value).map(u32::cast_signed)).ok()?);
            }
            Values::Int64s(values) => {
                values.push(i64::try_from(value).or_else(|_| u64::try_from(value).map(u64::cast_signed)).ok()?);
            }
            _ => return None,
        }
        Some(())
    }

    fn store_float(&mut self, value: f64) -> Option<()> {
        #[expect(clippy::cast_possible_truncation, reason = "compared with the value after it")]
        let single = value as f32;
        match &mut self.values {
            Values::Doubles(values) => values.push(value),
            Values::Floats(values) if f64::from(single).to_bits() == value.to_bits() => values.push(single),
            Values::FixedBytes(_) if f16::from_f64(value).to_f64().to_bits() == value.to_bits() => {
                return self.store_bytes(f16::from_f64(value).to_le_bytes().to_vec());
            }
            _ => return None,
        }
        Some(())
    }

    fn store_decimal(&mut self, value: &Decimal, scale: usize) -> Option<()> {
        let digits = value.scaled(scale)?;
        if digits.len() > self.precision {
            return None;
        }
        let length = match &self.values {
            Values::Int32s(_) => 4,
            Values::Int64s(_) => 8,
            Values::FixedBytes(_) => self.length,
            // Enough for each byte to hold two digits.
            _ => self.precision / 2 + 1,
        };
        let bytes = to_bytes(&digits, value.is_negative, length)?;
        match &mut self.values {
            Values::Int32s(values) => values.push(i32::from_be_bytes(bytes.try_into().ok()?)),
            Values::Int64s(values) => values.push(i64::from_be_bytes(bytes.try_into().ok()?)),
            _ => return self.store_bytes(bytes),
        }
        Some(())
    }

    fn store_bytes(&mut self, bytes: Vec<u8>) -> Option<()> {
        match &mut self.values {
            Values::Bytes(values) => values.push(bytes.into()),
            Values::FixedBytes(values) if bytes.len() == self.length => values.push(ByteArray::from(bytes).into()),
            _ => return None,
        }
        Some(())
    }

    /// Returns true if the values are strings in JSON.
    pub(super) const fn is_of_texts(&self) -> bool {
        !matches!(
            self.form,
            Form::Boolean | Form::Signed | Form::Unsigned | Form::Float | Form::Float16 | Form::Decimal(_)
        )
    }

    /// Returns the number of buffered values, nulls included.
    pub(super) fn len(&self) -> usize {
        self.definitions.len()
    }

    pub(super) fn clear(&mut self) {
        self.definitions.clear();
        self.repetitions.clear();
        match &mut self.values {
            Values::Booleans(values) => values.clear(),
            Values::Int32s(values) => values.clear(),
            Values::Int64s(values) => values.clear(),
            Values::Int96s(values) => values.clear(),
            Values::Floats(values) => values.clear(),
            Values::Doubles(values) => values.clear(),
            Values::Bytes(values) => values.clear(),
            Values::FixedBytes(values) => values.clear(),
        }
    }

    /// Writes the values and clears them.
    pub(super) fn write(&mut self, column: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = (Some(self.definitions.as_slice()), Some(self.repetitions.as_slice()));
        match (&self.values, column) {
            (Values::Booleans(values), ColumnWriter::BoolColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Int32s(values), ColumnWriter::Int32ColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Int64s(values), ColumnWriter::Int64ColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Int96s(values), ColumnWriter::Int96ColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Floats(values), ColumnWriter::FloatColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Doubles(values), ColumnWriter::DoubleColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::Bytes(values), ColumnWriter::ByteArrayColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            (Values::FixedBytes(values), ColumnWriter::FixedLenByteArrayColumnWriter(out)) => {
                out.write_batch(values, levels.0, levels.1)
            }
            _ => Err(ParquetError::General("the columns of the schema are in another order".to_owned())),
        }?;
        self.clear();
        Ok(())
    }
}

/// Returns a date or time that no calendar has. It is written as the stored number.
fn stored_number(cell: Cell<'_>) -> Option<i128> {
    cell.number().and_then(integer)
}

/// Divides without a remainder.
fn exact(nanos: i128, unit: i128) -> Option<i128> {
    (nanos % unit == 0).then_some(nanos / unit)
}

/// Returns the range of an integer column.
fn range(column: &Type) -> (i128, i128) {
    let info = column.get_basic_info();
    let (bits, is_signed) = match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::Integer(IntType { bit_width, is_signed })), _) => {
            (u32::from(bit_width.unsigned_abs()), *is_signed)
        }
        (None, ConvertedType::INT_8) => (8, true),
        (None, ConvertedType::INT_16) => (16, true),
        (None, ConvertedType::UINT_8) => (8, false),
        (None, ConvertedType::UINT_16) => (16, false),
        (None, ConvertedType::UINT_32) => (32, false),
        (None, ConvertedType::UINT_64) => (64, false),
        _ if column.get_physical_type() == Physical::INT32 => (32, true),
        _ => (64, true),
    };
    let bits = bits.clamp(1, 64);
    if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

fn uuid(text: &str) -> Option<Vec<u8>> {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    if text.len() != 36
        || text.bytes().enumerate().any(|(at, byte)| (byte == b'-') != is_dash(at) || byte.is_ascii_uppercase())
    {
        return None;
    }
    let value = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(value.to_be_bytes().to_vec())
}
