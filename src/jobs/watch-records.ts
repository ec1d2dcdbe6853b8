import type { WatchRecords } from '../runbook/phase.ts'
import type { Claim, PhaseStore } from '../store/phases.ts'
import { insertPost } from '../store/posts.ts'
import type { LogCounts } from '../model/watch.ts'
import {
  addLogCounts,
  beginWatch,
  decideByPolicy,
  logGroups,
  logPods,
  recordBreach,
  samplesBefore,
} from '../store/watches.ts'

const longestExample = 2_000
/** The attempt under which it is kept what the logs held before the rollout. */
const before = 0

/** The watch's part of the state database, fenced by the claim as everything that a phase writes. */
export function watchRecords(claim: Claim, phases: PhaseStore): WatchRecords {
  const key = { run: claim.run, attempt: claim.attempt }
  // A secret is masked whole: cut through, its half would not be recognised.
  const masked = (counts: LogCounts): LogCounts => ({
    pods: counts.pods,
    groups: counts.groups.map((group) => ({ ...group, example: phases.mask(group.example).slice(0, longestExample) })),
  })
  return {
    begin: (began, ends) => phases.watching(claim, (sql) => beginWatch(sql, key, began, ends)),
    breach: (breach, post, rollBackBecause) =>
      phases.watching(claim, async (sql) => {
        const first = await recordBreach(sql, key, phases.mask(breach))
        if (!first) return
        await insertPost(sql, claim.run, phases.mask(post))
        // In the same transaction: nobody is told of a rollback that a crash here would keep from beginning.
        if (rollBackBecause !== undefined) await decideByPolicy(sql, key, phases.mask(rollBackBecause))
      }),
    state: async () => (await phases.run(claim.run)).watch,
    addLogs: (counts) => phases.watching(claim, (sql) => addLogCounts(sql, key, masked(counts))),
    addLogsBefore: (groups) =>
      phases.watching(claim, (sql) =>
        addLogCounts(sql, { run: claim.run, attempt: before }, masked({ groups, pods: [] })),
      ),
    logGroups: () => logGroups(phases.sql, key),
    logPods: () => logPods(phases.sql, key),
    samplesBefore: () => samplesBefore(phases.sql, claim.run),
  }
}
