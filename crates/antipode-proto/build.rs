//! Generates the messages and services from `proto/`, without protoc.

use std::path::Path;

const FILES: [&str; 9] = [
    "antipode/v1/common.proto",
    "antipode/v1/error.proto",
    "antipode/v1/query.proto",
    "antipode/v1/document.proto",
    "antipode/v1/kv.proto",
    "antipode/v1/stream.proto",
    "antipode/v1/catalog.proto",
    "antipode/v1/index.proto",
    "antipode/v1/cluster.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    // With the comments of the sources in it, which become the documentation of the generated types and what
    // reflection shows.
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(FILES)?;

    let out = std::env::var("OUT_DIR")?;
    std::fs::write(
        Path::new(&out).join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
