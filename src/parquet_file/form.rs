//! Types of Parquet columns: the JSON form of their values (docs/files.md has the table), and what groups mean.

use ::parquet::basic::{ConvertedType, DecimalType, IntType, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use ::parquet::schema::types::Type;

pub(crate) const NANOS_PER_DAY: i128 = 86_400 * 1_000_000_000;
/// The Julian day of 1970-01-01. Days of INT96 are Julian.
pub(crate) const EPOCH_JULIAN_DAY: i128 = 2_440_588;

/// The values of a column without children, as they are stored.
pub(crate) enum Values {
    Booleans(Vec<bool>),
    Int32s(Vec<i32>),
    Int64s(Vec<i64>),
    Int96s(Vec<Int96>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Bytes(Vec<ByteArray>),
    FixedBytes(Vec<FixedLenByteArray>),
}

impl Values {
    pub(crate) const fn new(physical: Physical) -> Self {
        match physical {
            Physical::BOOLEAN => Self::Booleans(Vec::new()),
            Physical::INT32 => Self::Int32s(Vec::new()),
            Physical::INT64 => Self::Int64s(Vec::new()),
            Physical::INT96 => Self::Int96s(Vec::new()),
            Physical::FLOAT => Self::Floats(Vec::new()),
            Physical::DOUBLE => Self::Doubles(Vec::new()),
            Physical::BYTE_ARRAY => Self::Bytes(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Self::FixedBytes(Vec::new()),
        }
    }
}

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Boolean,
    Signed,
    Unsigned,
    Float,
    Float16,
    /// With this number of digits after the point.
    Decimal(usize),
    Date,
    /// Counts of this many nanoseconds since midnight.
    Time(i128),
    /// Counts of this many nanoseconds since 1970.
    Timestamp {
        unit: i128,
        is_utc: bool,
    },
    Int96,
    Uuid,
    Text,
    /// Text if it is UTF-8. Some writers do not mark strings as such.
    Bytes,
    /// Encodings that are never text.
    Data,
    /// A column that contains nulls only.
    Null,
}

impl Form {
    /// Returns the form of a column without children.
    pub(crate) fn of(column: &Type) -> Self {
        let info = column.get_basic_info();
        match (column.get_physical_type(), info.logical_type_ref(), info.converted_type()) {
            (_, Some(LogicalType::Unknown), _) => Self::Null,
            (Physical::BOOLEAN, ..) => Self::Boolean,
            (Physical::FLOAT | Physical::DOUBLE, ..) => Self::Float,
            (Physical::INT96, ..) => Self::Int96,
            (_, Some(LogicalType::Decimal(DecimalType { scale, .. })), _) => Self::decimal(*scale),
            (_, None, ConvertedType::DECIMAL) => Self::decimal(column.get_scale()),
            (Physical::INT32 | Physical::INT64, Some(logical), _) => match logical {
                LogicalType::Integer(IntType { is_signed: false, .. }) => Self::Unsigned,
                LogicalType::Date => Self::Date,
                LogicalType::Time(time) => Self::Time(nanos(time.unit)),
                LogicalType::Timestamp(timestamp) => {
                    Self::Timestamp { unit: nanos(timestamp.unit), is_utc: timestamp.is_adjusted_to_u_t_c }
                }
                _ => Self::Signed,
            },
            (Physical::INT32 | Physical::INT64, None, converted) => match converted {
                ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                    Self::Unsigned
                }
                ConvertedType::DATE => Self::Date,
                ConvertedType::TIME_MILLIS => Self::Time(1_000_000),
                ConvertedType::TIME_MICROS => Self::Time(1_000),
                // The older annotations have no time zone, like pyarrow's reading of them.
                ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp { unit: 1_000_000, is_utc: false },
                ConvertedType::TIMESTAMP_MICROS => Self::Timestamp { unit: 1_000, is_utc: false },
                _ => Self::Signed,
            },
            (_, Some(LogicalType::Float16), _) => Self::Float16,
            (_, Some(LogicalType::Uuid), _) => Self::Uuid,
            (_, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _)
            | (_, None, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Self::Text,
            (_, None, ConvertedType::NONE) => Self::Bytes,
            _ => Self::Data,
        }
    }

    fn decimal(scale: i32) -> Self {
        usize::try_from(scale).map_or(Self::Data, Self::Decimal)
    }
}

const fn nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::MILLIS => 1_000_000,
        TimeUnit::MICROS => 1_000,
        TimeUnit::NANOS => 1,
    }
}

/// The meaning of a group.
pub(crate) enum Annotation {
    List,
    Map,
    None,
}

pub(crate) fn annotation(group: &Type) -> Annotation {
    let info = group.get_basic_info();
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (None, ConvertedType::LIST) => Annotation::List,
        (Some(LogicalType::Map), _) | (None, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => Annotation::Map,
        _ => Annotation::None,
    }
}

pub(crate) fn is_repeated(field: &Type) -> bool {
    field.get_basic_info().has_repetition() && field.get_basic_info().repetition() == Repetition::REPEATED
}

/// Returns true if the repeated field of a list is its element, as in files of old writers, instead of a group around it.
/// The rules are in the section "Backward-compatibility rules" of Parquet's LogicalTypes.md.
pub(crate) fn is_element(repeated: &Type) -> bool {
    if repeated.is_primitive() || repeated.get_fields().len() != 1 {
        return true;
    }
    let is_nested_list = matches!(annotation(repeated), Annotation::List) || is_repeated(&repeated.get_fields()[0]);
    !is_nested_list && (repeated.name() == "array" || repeated.name().ends_with("_tuple"))
}
