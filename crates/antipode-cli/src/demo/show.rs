//! What is seen of the demo: steps, facts, and claims that hold or do not.
//!
//! On a terminal the text scrolls above a panel with a live line for each region; elsewhere it is plain lines. Which of
//! the two it is makes no difference to what is done and checked.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::nodes::Region;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31;1m";
const END: &str = "\x1b[0m";

/// Shows the demo, and keeps what it claimed.
pub struct Show {
    panel: Option<Panel>,
    /// How long a step stays before the next one, on a terminal.
    pause: Duration,
    steps: usize,
    claims: Vec<Claim>,
    started: Instant,
}

struct Claim {
    holds: bool,
    text: String,
}

/// The live lines of the regions. Clones are the same lines.
#[derive(Clone)]
pub struct Panel {
    area: MultiProgress,
    lines: Vec<ProgressBar>,
    /// The region that is cut off: its links take some seconds to notice, and the panel shows it at once.
    cut: Arc<Mutex<Option<Region>>>,
}

impl Panel {
    fn new() -> Self {
        let area = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{spinner:.cyan} {prefix:.bold} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let lines = Region::ALL
            .iter()
            .map(|region| {
                let line = area.add(ProgressBar::new_spinner());
                line.set_style(style.clone());
                line.set_prefix(format!("{:<9}", region.name()));
                line
            })
            .collect();
        Self {
            area,
            lines,
            cut: Arc::default(),
        }
    }

    /// Whether the line between two regions is cut.
    pub fn is_cut(&self, one: Region, other: Region) -> bool {
        let cut = *self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut == Some(one) || cut == Some(other)
    }

    /// Sets the line of a region.
    pub fn set(&self, region: Region, text: String) {
        if let Some(line) = self.lines.get(region.index()) {
            line.set_message(text);
            line.tick();
        }
    }
}

impl Show {
    /// A live view if `live` and standard output is a terminal, else plain lines.
    pub fn new(live: bool) -> Self {
        let panel = (live && io::stdout().is_terminal()).then(Panel::new);
        let pause = if panel.is_some() {
            Duration::from_millis(1_800)
        } else {
            Duration::ZERO
        };
        Self {
            panel,
            pause,
            steps: 0,
            claims: Vec::new(),
            started: Instant::now(),
        }
    }

    /// The live lines, if there are any.
    pub fn panel(&self) -> Option<Panel> {
        self.panel.clone()
    }

    /// Says which region is cut off from now on.
    pub fn cut(&self, region: Option<Region>) {
        if let Some(panel) = &self.panel {
            *panel.cut.lock().unwrap_or_else(PoisonError::into_inner) = region;
        }
    }

    /// Begins a step.
    pub async fn step(&mut self, title: &str) {
        if self.steps > 0 {
            tokio::time::sleep(self.pause).await;
        }
        self.steps += 1;
        let title = self.styled(BOLD, format!("{}. {title}", self.steps));
        let clock = self.styled(
            DIM,
            format!("{:>6.1} s", self.started.elapsed().as_secs_f64()),
        );
        self.line("");
        self.line(&format!("{title}  {clock}"));
    }

    /// Says what is done.
    pub fn say(&self, text: impl Display) {
        for line in text.to_string().lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// Shows a query and where it runs.
    pub fn query(&self, region: Region, text: &str) {
        self.line(&format!(
            "   {}",
            self.styled(DIM, format!("{} ▸", region.name()))
        ));
        for line in text.lines() {
            self.line(&format!("     {}", self.styled(CYAN, line)));
        }
    }

    /// Shows a table.
    pub fn grid(&self, grid: impl Display) {
        for line in grid.to_string().lines() {
            self.line(&format!("     {line}"));
        }
    }

    /// Claims something, with what was measured.
    pub fn claim(&mut self, holds: bool, text: impl Into<String>) {
        let text = text.into();
        let mark = if holds {
            self.styled(GREEN, "✓")
        } else {
            self.styled(RED, "✗")
        };
        self.line(&format!("   {mark} {text}"));
        self.claims.push(Claim { holds, text });
    }

    /// Ends the show; says whether every claim held.
    pub fn finish(mut self) -> bool {
        let failed: Vec<&Claim> = self.claims.iter().filter(|claim| !claim.holds).collect();
        self.line("");
        if failed.is_empty() {
            let text = format!(
                "All {} claims hold. {:.1} s.",
                self.claims.len(),
                self.started.elapsed().as_secs_f64()
            );
            self.line(&self.styled(GREEN, text));
        } else {
            let text = format!(
                "{} of {} claims do not hold:",
                failed.len(),
                self.claims.len()
            );
            self.line(&self.styled(RED, text));
            for claim in &failed {
                self.line(&format!("   ✗ {}", claim.text));
            }
        }
        let holds = failed.is_empty();
        if let Some(panel) = self.panel.take() {
            for line in &panel.lines {
                line.finish_and_clear();
            }
        }
        holds
    }

    fn styled(&self, style: &str, text: impl Display) -> String {
        if self.panel.is_some() {
            format!("{style}{text}{END}")
        } else {
            text.to_string()
        }
    }

    fn line(&self, text: &str) {
        let shown = match &self.panel {
            Some(panel) => panel.area.println(if text.is_empty() { " " } else { text }),
            None => writeln!(io::stdout(), "{text}"),
        };
        // Whoever closed the output does not want to see more; what is claimed is still checked.
        drop(shown);
    }
}

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in milliseconds, with as many digits as matter.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1234567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn a_claim_that_fails_fails_the_show() {
        let mut show = Show::new(false);
        show.claim(true, "one");
        show.claim(false, "two");
        assert!(!show.finish());
        let mut show = Show::new(false);
        show.claim(true, "one");
        assert!(show.finish());
    }
}
