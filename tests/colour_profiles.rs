//! Hostile colour profiles through the real program: the picture is shown without its profile, within limits on memory
//! and time.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage};
use rstest::rstest;

/// Address space in KiB: a debug build takes 350,000 for a small picture.
const MEMORY: u64 = 1_000_000;
const CPU_SECONDS: u64 = 20;

fn picture() -> DynamicImage {
    RgbImage::from_pixel(64, 48, Rgb([200, 30, 30])).into()
}

fn jpeg(profile: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new(&mut file);
    encoder.set_icc_profile(profile.to_vec()).expect("JPEG has profiles");
    picture().write_with_encoder(encoder).expect("a picture");
    file
}

/// Describes the picture, which decodes it.
fn assert_is_shown(folder: &Path, name: &str, file: &[u8]) {
    fs::write(folder.join(name), file).expect("a file");
    let limited = format!("ulimit -v {MEMORY}; ulimit -t {CPU_SECONDS}; exec \"$0\" show --image-protocol none \"$1\"");
    let output = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_recaption"), name])
        .current_dir(folder)
        .output()
        .expect("a shell");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("64×48"), "{name}: {:?}\n{out}{errors}", output.status);
}

/// Returns a profile with these tags (ICC.1:2010, section 7).
fn profile(connection_space: [u8; 4], tags: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut header = vec![0; 128];
    header[8] = 4;
    header[12..24].copy_from_slice(&[*b"mntr", *b"RGB ", connection_space].concat());
    header[36..40].copy_from_slice(b"acsp");
    let number = |value: usize| u32::try_from(value).expect("a small profile").to_be_bytes();
    let mut table = number(tags.len()).to_vec();
    let mut data = Vec::new();
    for (name, tag) in tags {
        table.extend([**name, number(132 + 12 * tags.len() + data.len()), number(tag.len())].concat());
        data.extend_from_slice(tag);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    header[..4].copy_from_slice(&number(128 + table.len() + data.len()));
    [header, table, data].concat()
}

fn curve(entries: u32, data: &[u8]) -> Vec<u8> {
    [b"curv\0\0\0\0", &entries.to_be_bytes()[..], data].concat()
}

/// A profile with three curves.
fn matrix_profile(curve: &[u8]) -> Vec<u8> {
    let xyz = |x: u16, y: u16, z: u16| {
        let numbers = [x, y, z].map(|number| u32::from(number).to_be_bytes()).concat();
        [&b"XYZ \0\0\0\0"[..], &numbers].concat()
    };
    let (white, red, green, blue) =
        (xyz(63_190, 65_535, 54_061), xyz(28_574, 14_549, 917), xyz(25_231, 46_989, 6_357), xyz(9_371, 3_997, 46_792));
    let colours: [(&[u8; 4], &[u8]); 4] = [(b"wtpt", &white), (b"rXYZ", &red), (b"gXYZ", &green), (b"bXYZ", &blue)];
    profile(*b"XYZ ", &[&colours[..], &[(b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]].concat())
}

/// A table of these numbers of inputs and outputs, of `grid` points for each input (`lut16Type`).
fn table(inputs: u8, outputs: u8, grid: u8, curve_entries: u16, data: usize) -> Vec<u8> {
    let mut table = b"mft2\0\0\0\0".to_vec();
    table.extend([inputs, outputs, grid, 0]);
    table.extend([1_u32 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 16].map(u32::to_be_bytes).concat());
    table.extend([curve_entries.to_be_bytes(), curve_entries.to_be_bytes()].concat());
    table.resize(table.len() + data, 0);
    profile(*b"Lab ", &[(b"A2B0", &table)])
}

/// A table as newer profiles have it (`lutAToBType`), of which only the grid is declared.
fn newer_table(grid: [u8; 16]) -> Vec<u8> {
    let mut table = b"mAB \0\0\0\0\x03\x03\0\0".to_vec();
    table.extend([32_u32, 0, 0, 32, 32].map(u32::to_be_bytes).concat());
    table.extend(grid);
    table.extend([2, 0, 0, 0]);
    table.resize(table.len() + 200_000, 0);
    profile(*b"Lab ", &[(b"A2B0", &table)])
}

#[rstest]
#[case::curve_of_four_billion(matrix_profile(&curve(u32::MAX, b"\0\x01\0\x02")))]
#[case::curve_of_two_billion(matrix_profile(&curve(u32::MAX >> 1, b"\0\x01\0\x02")))]
#[case::long_curve(matrix_profile(&curve(1_200_000, &vec![0x12; 2_400_000])))]
#[case::many_inputs(table(15, 3, 255, 4_096, 100_000))]
#[case::large_grid(table(3, 3, 255, 4_096, 100_000))]
#[case::full_grid(table(3, 3, 100, 2, 6_000_024))]
#[case::many_inputs_in_a_newer_table(newer_table([255; 16]))]
#[case::large_grid_in_a_newer_table(newer_table([255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))]
// The most that the numbers of the segments allow.
#[case::of_255_segments([matrix_profile(&curve(0, &[])), vec![0; 16_700_000]].concat())]
fn hostile_profiles_cost_little(#[case] profile: Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    assert_is_shown(folder.path(), "hostile.jpg", &jpeg(&profile));
}

/// Returns a PNG with a chunk after its header.
fn png_with(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    const HEADER: usize = 8 + 25;
    let mut file = Vec::new();
    picture().write_with_encoder(PngEncoder::new(&mut file)).expect("a picture");
    let content = [&kind[..], data].concat();
    let step = |crc: u32, byte: &u8| {
        let crc = crc ^ u32::from(*byte);
        (0..8).fold(crc, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    let checksum = !content.iter().fold(u32::MAX, step);
    let length = u32::try_from(data.len()).expect("a small chunk").to_be_bytes();
    [&file[..HEADER], &length, &content, &checksum.to_be_bytes(), &file[HEADER..]].concat()
}

/// Returns zlib data of 4 billion zeros, in 4 million bytes (RFC 1951, 3.2.7): after one zero, only the code of the
/// longest repetition, of one bit, and that of the distance 1, too.
fn bomb() -> Vec<u8> {
    let mut bits = String::new();
    let mut put =
        |value: u32, count: usize| bits.extend((0..count).map(|at| if value >> at & 1 == 1 { '1' } else { '0' }));
    put(1, 1);
    put(2, 2);
    // 286 lengths of literals, 1 of distances, and 18 of the codes of lengths: 1, 2 and 18.
    put(29, 5);
    put(0, 5);
    put(14, 4);
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        put(
            match symbol {
                18 => 1,
                1 | 2 => 2,
                _ => 0,
            },
            3,
        );
    }
    // 0: `18` repeats zeros; 10: length 1; 11: length 2. Codes begin with their highest bit.
    let (one, two) = (0b01, 0b11);
    put(two, 2);
    for zeros in [138, 117] {
        put(0, 1);
        put(zeros - 11, 7);
    }
    put(two, 2);
    put(0, 1);
    put(28 - 11, 7);
    put(one, 2);
    put(one, 2);
    // A zero (10), and then repetitions (0) of the distance 1 (0).
    put(0b01, 2);
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
    let mut data = vec![0x78, 0xda];
    data.extend(bits.as_bytes().chunks(8).map(byte));
    data.resize(4_200_000, 0);
    data
}

#[rstest]
#[case::profile(*b"iCCP")]
#[case::text(*b"zTXt")]
fn compressed_metadata_is_not_expanded_beyond_a_limit(#[case] kind: [u8; 4]) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = [&b"name\0\0"[..], &bomb()].concat();
    assert_is_shown(folder.path(), "hostile.png", &png_with(kind, &data));
}
