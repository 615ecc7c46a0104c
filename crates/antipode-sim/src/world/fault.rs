//! What goes wrong in a run: lines that are cut, processes and machines that stop, disks that fail.

use antipode_replication::Micros;
use antipode_store::memory::Faults as DiskFaults;

use super::{Checked, Event, World};

impl World {
    pub(super) fn fault(&mut self) -> Checked {
        if self.healing {
            return Ok(());
        }
        let pause = self.pause(self.plan.fault_pause);
        self.after(pause, Event::Fault);
        let faults = self.plan.faults;
        let enabled: Vec<usize> = [
            faults.partitions,
            faults.one_way,
            faults.flapping,
            faults.process_crashes,
            faults.power_cuts,
            faults.disks,
            faults.long_absence,
        ]
        .into_iter()
        .enumerate()
        .filter_map(|(number, enabled)| enabled.then_some(number))
        .collect();
        let count = self.hosts.len();
        let (a, b) = (self.dice.index(count), self.dice.index(count));
        let lasts = Micros::from_ms(self.dice.between(200, 6_000));
        match self.dice.pick(&enabled) {
            Some(0) => self.partition(lasts),
            Some(1) if a != b => {
                self.report.faults += 1;
                self.network.cut(a, b, self.now);
                self.after(lasts, Event::HealPair { a, b });
            }
            Some(2) if a != b => {
                self.report.faults += 1;
                for _ in 0..4 {
                    let at = Micros::from_ms(self.dice.below(2_000));
                    self.after(at, Event::Cut { a, b });
                }
            }
            Some(3) => {
                self.crash(a, false)?;
                self.after(lasts, Event::Start { host: a });
            }
            Some(4) => {
                self.crash(a, true)?;
                self.after(lasts, Event::Start { host: a });
            }
            Some(5) => self.break_disk(a, lasts),
            Some(6) => self.crash(a, true)?,
            _ => {}
        }
        Ok(())
    }

    fn partition(&mut self, lasts: Micros) {
        self.report.faults += 1;
        let sides: Vec<bool> = self.hosts.iter().map(|_| self.dice.chance(50)).collect();
        for (a, side_a) in sides.iter().enumerate() {
            for (b, side_b) in sides.iter().enumerate() {
                if side_a != side_b {
                    self.network.cut(a, b, self.now);
                }
            }
        }
        self.after(lasts, Event::HealAll);
    }

    fn break_disk(&mut self, host: usize, lasts: Micros) {
        self.report.faults += 1;
        let soon = self.dice.below(8);
        let lands = self.dice.chance(50);
        let mut faults = DiskFaults {
            failed_batch_lands: lands,
            ..DiskFaults::default()
        };
        match self.dice.below(3) {
            0 => faults.fail_write = Some(soon),
            1 => faults.fail_sync = Some(soon),
            // With a little room the node comes back, and fails again; with none it stays a source for its peers.
            _ if self.dice.chance(50) => faults.free_bytes = Some(0),
            _ => faults.free_bytes = Some(self.dice.below(4_000)),
        }
        self.hosts[host].disk.set_faults(faults);
        self.after(lasts, Event::DiskWell { host });
    }
}
