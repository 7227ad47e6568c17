//! Which columns have the images and their names, as Hugging Face's `datasets` and other writers name them.

use ::parquet::basic::Type as Physical;
use ::parquet::schema::types::Type;

use super::form::{Annotation, Form, annotation, is_element, is_repeated};
use super::table::{Table, TableColumn};

/// The column that names a record's image, as in Hugging Face's `metadata.parquet`.
const FILE_NAME: &str = "file_name";
/// Names that other programs use for the path of an image.
pub(crate) const FILE_NAMES: [&str; 10] =
    ["filename", "file", "image", "image_file", "image_name", "image_path", "img", "img_path", "path", "filepath"];
/// Names of columns with encoded images, the most common first.
const IMAGES: [&str; 12] =
    ["image", "img", "images", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "data"];

/// The columns of a table that are more than fields of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// The leaf with the encoded images.
    pub(crate) images: Option<usize>,
    /// The leaf with their paths: beside the images, or a column of its own.
    pub(crate) paths: Option<usize>,
    /// The columns that contain images, which are no fields.
    pub(crate) hidden: Vec<usize>,
    /// The column with the path, if it is a field.
    pub(crate) path_column: Option<usize>,
}

impl Roles {
    /// Finds the columns. `file_column` is the one with the paths, if it was named; `is_data` tells whether a column of bytes without a type has other content than text.
    pub(crate) fn of(table: &Table, file_column: Option<&str>, is_data: &mut dyn FnMut(usize) -> bool) -> Self {
        let columns = table.columns();
        let structs: Vec<(usize, usize, Option<usize>)> = columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| image_struct(column).map(|(bytes, path)| (at, bytes, path)))
            .collect();
        let mut data: Vec<usize> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            let is_plain = is_bytes(&column.field) && !is_repeated(&column.field);
            if is_plain && column.field.name() != FILE_NAME && is_data(column.leaves.start) {
                data.push(at);
            }
        }
        let name = |at: usize| columns[at].field.name().to_lowercase();
        let rank = |at: usize| IMAGES.iter().position(|known| *known == name(at)).unwrap_or(IMAGES.len());
        // `min_by_key` returns the first minimum.
        let of_struct = structs.iter().min_by_key(|(at, ..)| rank(*at)).copied();
        let of_data = data.iter().min_by_key(|at| rank(**at)).map(|at| (*at, columns[*at].leaves.start, None));
        let image = of_struct.or(of_data);
        let text = |known: &str| {
            let is_it =
                |column: &TableColumn| column.field.name().eq_ignore_ascii_case(known) && is_text(&column.field);
            columns.iter().position(is_it)
        };
        let named =
            |name: &str| columns.iter().position(|column| column.field.name() == name && is_text(&column.field));
        let path_column = file_column.map_or_else(
            || {
                text(FILE_NAME).or_else(|| {
                    let has_paths = image.is_some_and(|(_, _, path)| path.is_some());
                    if has_paths { None } else { FILE_NAMES.iter().find_map(|known| text(known)) }
                })
            },
            named,
        );
        let paths = path_column.map(|at| columns[at].leaves.start).or_else(|| image.and_then(|(_, _, path)| path));
        let hidden = structs.iter().map(|(at, ..)| *at).chain(data).collect();
        Self { images: image.map(|(_, bytes, _)| bytes), paths, hidden, path_column }
    }
}

/// Returns the leaves of a struct of `bytes` and `path`: Hugging Face's `Image`.
fn image_struct(column: &TableColumn) -> Option<(usize, Option<usize>)> {
    let field = &column.field;
    if field.is_primitive() || is_repeated(field) || !matches!(annotation(field), Annotation::None) {
        return None;
    }
    let fields = field.get_fields();
    // Only if no field has leaves of its own are the leaves numbered like the fields.
    if fields.iter().any(|field| !field.is_primitive() || is_repeated(field)) {
        return None;
    }
    let of = |name: &str, is_it: fn(&Type) -> bool| {
        fields.iter().position(|field| field.name() == name && is_it(field)).map(|at| column.leaves.start + at)
    };
    Some((of("bytes", is_bytes)?, of("path", is_text)))
}

/// Returns true if a column has bytes of any content.
fn is_bytes(field: &Type) -> bool {
    field.is_primitive()
        && field.get_physical_type() == Physical::BYTE_ARRAY
        && matches!(Form::of(field), Form::Bytes | Form::Data)
}

/// Returns true if a column has strings, also without the annotation, which some writers leave out.
pub(crate) fn is_text(field: &Type) -> bool {
    !is_repeated(field) && is_string(field)
}

/// Returns true if a column has lists of strings, in any of the forms of lists.
pub(crate) fn is_text_list(field: &Type) -> bool {
    if field.is_primitive() || is_repeated(field) {
        return is_repeated(field) && is_string(field);
    }
    match (annotation(field), field.get_fields()) {
        (Annotation::List, [repeated]) if is_repeated(repeated) && is_element(repeated) => is_string(repeated),
        (Annotation::List, [repeated]) if is_repeated(repeated) => is_text(&repeated.get_fields()[0]),
        _ => false,
    }
}

fn is_string(field: &Type) -> bool {
    field.is_primitive()
        && field.get_physical_type() == Physical::BYTE_ARRAY
        && matches!(Form::of(field), Form::Text | Form::Bytes)
}
