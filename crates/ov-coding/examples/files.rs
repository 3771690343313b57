//! Cuts and codes the files below the given paths, with and without what layers know of them:
//! `cargo run --release -p ov-coding --example files -- PATH…`. Each chunk counts once.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ov_coding::{
    CUT_WINDOW, CodedFrame, CutKey, Cutter, Decoder, Effort, Encoder, FrameBuilder, Input, Layer,
    Placement, PlainFrame, Shape,
};

/// What layers know, or what is known without them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Layers,
    Nothing,
}

#[derive(Default)]
struct Run {
    seen: HashSet<blake3::Hash>,
    /// What is gathered, by shape.
    open: Vec<(Shape, FrameBuilder)>,
    frames: BTreeMap<String, Vec<(Shape, PlainFrame)>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for path in std::env::args_os().skip(1) {
        collect(Path::new(&path), &mut files)?;
    }
    for known in [Known::Nothing, Known::Layers] {
        let mut run = Run::default();
        for path in &files {
            run.file(path, known)?;
        }
        run.finish(known)?;
    }
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut names = path
        .read_dir()?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.iter().try_for_each(|name| collect(name, files))
}

impl Run {
    fn file(&mut self, path: &Path, known: Known) -> Result<(), Box<dyn Error>> {
        let data = std::fs::read(path)?;
        let name = path.file_name().unwrap_or_default();
        let (name, size) = (name.as_encoded_bytes(), u64::try_from(data.len())?);
        let mut layer = match known {
            Known::Layers => Layer::of_file(name, size, &data[..data.len().min(CUT_WINDOW)]),
            Known::Nothing => Layer::of_part(name, size, &data[..data.len().min(4096)]),
        };
        let cutter = Cutter::new(&CutKey::new([1; 32]), layer.profile());
        let mut rest = &data[..];
        while let Some(cut) = layer.cut(&cutter, rest, Input::End) {
            let (chunk, behind) = rest.split_at(cut.length);
            rest = behind;
            let shape = match known {
                Known::Layers => cut.shape,
                Known::Nothing => Shape::Unknown,
            };
            self.chunk(chunk, shape)?;
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &[u8], shape: Shape) -> Result<(), Box<dyn Error>> {
        let hash = blake3::hash(chunk);
        if !self.seen.insert(hash) {
            return Ok(());
        }
        let place = self.open.iter().position(|(open, _)| *open == shape);
        let place = place.unwrap_or_else(|| {
            self.open
                .push((shape, FrameBuilder::new(ov_coding::GATHER_MAX)));
            self.open.len() - 1
        });
        let builder = &mut self.open[place].1;
        match builder.place(chunk.len()) {
            Placement::Alone => self.frame(PlainFrame::alone(chunk.to_vec())?, shape),
            Placement::Join { .. } => drop(builder.push(chunk)?),
            Placement::StartNext => {
                let full = builder.take();
                builder.push(chunk)?;
                full.into_iter().for_each(|full| self.frame(full, shape));
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: PlainFrame, shape: Shape) {
        let frames = self.frames.entry(kind(shape)).or_default();
        frames.push((shape, frame));
    }

    fn finish(mut self, known: Known) -> Result<(), Box<dyn Error>> {
        for (shape, mut builder) in std::mem::take(&mut self.open) {
            if let Some(frame) = builder.take() {
                self.frame(frame, shape);
            }
        }
        match known {
            Known::Layers => println!("with layers:"),
            Known::Nothing => println!("without layers:"),
        }
        let mut all = (0, 0);
        for (kind, frames) in &self.frames {
            let (plain, coded) = code(kind, frames)?;
            all = (all.0 + plain, all.1 + coded);
        }
        println!("  all: {} -> {} bytes", all.0, all.1);
        Ok(())
    }
}

/// Codes and decodes; says how many bytes went in and came out.
fn code(kind: &str, frames: &[(Shape, PlainFrame)]) -> Result<(usize, usize), Box<dyn Error>> {
    let mut encoder = Encoder::new()?;
    let mut decoder = Decoder::new()?;
    let start = busy();
    let coded: Vec<CodedFrame> = frames
        .iter()
        .map(|(shape, frame)| encoder.code(*shape, frame, Effort::Normal).to_frame())
        .collect();
    let encoded = busy();
    for CodedFrame { coder, bytes } in &coded {
        decoder.decode(*coder, bytes)?;
    }
    let decoded = busy();

    let plain: usize = frames.iter().map(|(_, frame)| frame.plain().len()).sum();
    let size: usize = coded.iter().map(|frame| frame.bytes.len()).sum();
    let mut coders = BTreeMap::<String, usize>::new();
    for frame in &coded {
        *coders.entry(format!("{:?}", frame.coder)).or_default() += 1;
    }
    let rate = |time: Duration| plain as f64 / 1e6 / time.as_secs_f64();
    println!(
        "  {kind:12} {plain:11} -> {size:10} bytes, {:7.3}, {:5.0} MB/s in, {:5.0} out; {coders:?}",
        plain as f64 / size as f64,
        rate(encoded - start),
        rate(decoded - encoded),
    );
    Ok((plain, size))
}

/// Processor time of this thread, as Linux counts it: others are at work here too.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn kind(shape: Shape) -> String {
    match shape {
        Shape::Raster(raster) => format!("raster {}x{}", raster.bytes(), raster.step()),
        shape => format!("{shape:?}").to_lowercase(),
    }
}
