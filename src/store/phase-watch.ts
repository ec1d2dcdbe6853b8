import type { ThreadPost } from '../model/post.ts'
import type { LogCounts } from '../model/watch.ts'
import type { Breach, RunWatch } from '../model/run.ts'
import { clip } from '../outside-text/cut.ts'
import type { Sql } from './database.ts'
import type { Fence } from './fence.ts'
import { insertPost } from './posts.ts'
import {
  addLogCounts,
  beginWatch,
  decideByPolicy,
  logGroups,
  logPods,
  recordBreach,
  samplesBefore,
  databaseTime,
  watchState,
} from './watches.ts'

const longestExample = 2_000
/** The attempt under which is kept what the logs held before the rollout. */
const before = 0

/** Gives the phase that monitors what it writes and reads of its watch. The board follows every write. */
export function phaseWatch({ claim, read, mask, auditKeys, write }: Fence) {
  const key = { run: claim.run, attempt: claim.attempt }
  // A secret has to be masked whole: cut through, its half would not be recognised.
  const masked = (counts: LogCounts): LogCounts => ({
    pods: counts.pods,
    groups: counts.groups.map((group) => ({ ...group, example: clip(mask(group.example), longestExample) })),
  })
  const shown = <T>(work: (sql: Sql) => Promise<T>): Promise<T> =>
    write(async (sql) => {
      const result = await work(sql)
      await sql.query('update purser.runs set rev = rev + 1 where number = $1', [claim.run])
      return result
    })
  return {
    time: () => databaseTime(read),
    begin: (began: Date, ends: Date) => shown((sql) => beginWatch(sql, key, began, ends)),
    breach: (breach: Breach, post: ThreadPost, rollBackBecause: string | undefined): Promise<void> =>
      shown(async (sql) => {
        const first = await recordBreach(sql, key, mask(breach))
        if (first) await insertPost(sql, claim.run, mask(post))
        // The decision is in the same transaction: nobody is told of a rollback that a crash here would keep from beginning.
        if (rollBackBecause === undefined) return
        const audit = { source: claim.worker, writer: { mask, auditKeys } }
        const decided = await decideByPolicy(sql, key, mask(rollBackBecause), { ...audit, first })
        if (decided && !first) await insertPost(sql, claim.run, mask(post))
      }),
    state: (): Promise<RunWatch | undefined> => watchState(read, claim.run),
    addLogs: (counts: LogCounts) => shown((sql) => addLogCounts(sql, key, masked(counts))),
    addLogsBefore: (groups: LogCounts['groups']) =>
      shown((sql) => addLogCounts(sql, { run: claim.run, attempt: before }, masked({ groups, pods: [] }))),
    logGroups: () => logGroups(read, key),
    logPods: () => logPods(read, key),
    samplesBefore: () => samplesBefore(read, claim.run),
  }
}
