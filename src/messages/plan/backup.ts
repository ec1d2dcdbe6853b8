import type { PlannedBackup } from '../../model/deploy-plan.ts'
import { clip } from '../../outside-text/cut.ts'
import { minutes, oneLine, sizeOf } from '../../text.ts'
import type { Chapter } from './chapter.ts'

/** Tells who makes the backup before the migrations, and what the last one of them was. */
export function backupChapters(backup: PlannedBackup | undefined): readonly Chapter[] {
  if (backup === undefined) return []
  return [
    {
      title: 'Backup',
      lines: [
        `made in preflight by “${backup.program}”, then proven by the same tool`,
        `migrations need a proven one, at most ${minutes(backup.maxAgeMinutes)} old`,
        lastLine(backup.last),
      ],
    },
  ]
}

function lastLine(last: PlannedBackup['last']): string {
  if ('none' in last)
    return last.none === 'yet' ? 'last one: none yet' : "last one: gone, the command doesn't know it any more"
  if ('unknown' in last) return `last one: unknown (${clip(oneLine(last.unknown), 300)})`
  const proof = last.proof === null ? 'not proven' : `proven: ${clip(oneLine(last.proof), 200)}`
  return `last one: ${last.file} of run #${last.run}, finished ${last.finishedAt}, ${sizeOf(last.bytes)}, ${proof}`
}
