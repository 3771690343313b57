//! What a long churn of small files leaves stored: `cargo run -p ov-backup --example churn -- 200
//! 1000 16000 20` makes 200 runs over 1000 files of 16,000 bytes, of which 20 are replaced before
//! each, keeps the last snapshot alone and prunes after each run.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::unwrap_used, reason = "it shares its parts with the tests")]
#![allow(dead_code, reason = "it shares its parts with the tests")]

#[path = "../tests/it/churn.rs"]
mod churn;
#[path = "../tests/it/site.rs"]
mod site;

use churn::Churn;

fn main() {
    let numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().unwrap();
    let [runs, files, bytes, replaced] = numbers[..] else {
        println!("runs, files, bytes of each, files replaced before each run");
        return;
    };
    let churn = Churn {
        files,
        bytes: usize::try_from(bytes).unwrap(),
        replaced,
    };
    let (mut read, mut renewed, mut worst) = (0, 0, 0);
    churn.run(runs, &mut |run, point| {
        read += point.report.bytes_read * u64::from(run > 0);
        renewed += point.report.bytes_renewed;
        worst = worst.max(point.stored);
        if run % 20 == 0 || run + 1 == runs {
            let share = point.stored * 100 / churn.alive();
            let packs = point.packs;
            println!("run {run}: {packs} packs, {share} % of what is alive stored");
        }
    });
    let alive = churn.alive();
    println!(
        "alive {alive}, at most stored {worst}, read after the first run {read}, of which renewed {renewed}"
    );
}
