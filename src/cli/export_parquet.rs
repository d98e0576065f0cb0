//! Tables of records as Parquet.

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use parquet::{basic, errors::Result};
use std::sync::Arc;
use widelimit::run::export::{ExportRow, RecordTable};

/// Rows that are written together.
const GROUP: usize = 1 << 16;

/// The bytes of a table as a Parquet file without compression: `array` as text, places along axes that may be null, and
/// `value`.
pub fn bytes(table: &RecordTable) -> Result<Vec<u8>> {
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema(table)?), Arc::new(WriterProperties::new()))?;
    let mut rows = table.rows();
    loop {
        let group: Vec<ExportRow<'_>> = rows.by_ref().take(GROUP).collect();
        if group.is_empty() {
            break;
        }
        let mut columns = writer.next_row_group()?;
        write_names(&mut columns, &group)?;
        for axis in 0..table.axes.len() {
            let present: Vec<i16> = group.iter().map(|row| i16::from(row.places[axis].is_some())).collect();
            let places: Vec<f64> = group.iter().filter_map(|row| row.places[axis]).collect();
            write_numbers(&mut columns, &places, Some(&present))?;
        }
        let values: Vec<f64> = group.iter().map(|row| row.value).collect();
        write_numbers(&mut columns, &values, None)?;
        columns.close()?;
    }
    writer.into_inner()
}

fn schema(table: &RecordTable) -> Result<Type> {
    let number = |name: &str, repetition| {
        Type::primitive_type_builder(name, basic::Type::DOUBLE).with_repetition(repetition).build().map(Arc::new)
    };
    let text = Type::primitive_type_builder("array", basic::Type::BYTE_ARRAY)
        .with_repetition(basic::Repetition::REQUIRED)
        .with_logical_type(Some(basic::LogicalType::String))
        .build()?;
    let mut fields = vec![Arc::new(text)];
    for axis in &table.axes {
        fields.push(number(axis, basic::Repetition::OPTIONAL)?);
    }
    fields.push(number("value", basic::Repetition::REQUIRED)?);
    Type::group_type_builder("record").with_fields(fields).build()
}

fn write_names(columns: &mut SerializedRowGroupWriter<'_, Vec<u8>>, rows: &[ExportRow<'_>]) -> Result<()> {
    let names: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row.array)).collect();
    if let Some(mut column) = columns.next_column()? {
        column.typed::<ByteArrayType>().write_batch(&names, None, None)?;
        column.close()?;
    }
    Ok(())
}

fn write_numbers(
    columns: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[f64],
    present: Option<&[i16]>,
) -> Result<()> {
    if let Some(mut column) = columns.next_column()? {
        column.typed::<DoubleType>().write_batch(values, present, None)?;
        column.close()?;
    }
    Ok(())
}
