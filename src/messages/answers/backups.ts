import type { KeptBackup, KeptDatabase } from '../../model/backup.ts'
import { ago, duration, sizeOf } from '../../text.ts'
import { withoutWords } from '../blocks/backup-words.ts'
import { code, context, message, type Message, paragraphs, words } from '../blocks/message.ts'

/**
 * Answers `/billing backups`: the backups, the newest first, and what restores have left on the server. That is
 * undefined when the server could not be asked.
 */
export function backupsMessage(
  environment: string,
  backups: readonly KeptBackup[],
  now: Date,
  databases: readonly KeptDatabase[] | undefined,
): Message {
  const kept = keptLines(databases)
  if (backups.length === 0) {
    const text = `No backups of ${words(environment, 60)} yet. Every deploy makes one.`
    return message([text, ...kept].join('\n'), paragraphs([text, ...kept]))
  }
  const lines = backups.slice(0, 20).map((backup) => {
    return `*#${backup.run}* ${code(backup.file)} – ${ago(new Date(backup.finishedAt), now)}, ${sizeOf(backup.bytes)}, ${proofInShort(backup)}`
  })
  const left = backups.length - lines.length
  const all = [...lines, ...(left > 0 ? [`… and ${left} older`] : [])]
  return message([...all, ...kept].join('\n'), [
    ...paragraphs(all),
    ...paragraphs(kept),
    context(`${code('/billing restore #N')} previews a restore.`),
  ])
}

function proofInShort(backup: KeptBackup): string {
  const { by, proof, restoreMs } = backup
  if (by === 'command') return proof === undefined ? 'not proven' : `proven by its command (${words(proof, 120)})`
  return restoreMs === undefined
    ? 'checksum-verified only'
    : `restore-tested in ${duration(restoreMs)}${withoutWords(backup)}`
}

function keptLines(databases: readonly KeptDatabase[] | undefined): readonly string[] {
  if (databases === undefined) return ["Couldn't check the server for databases left by restores."]
  if (databases.length === 0) return []
  const shown = databases.slice(0, 10).map(({ name, run, kind, bytes }) => {
    const what = kind === 'before' ? `the data before restore *#${run}*` : `prepared by restore *#${run}*`
    const size = bytes === undefined ? 'of unknown size' : sizeOf(bytes)
    return `${code(name)}, ${size}: ${what}. ${code(`drop database "${name.replaceAll('"', '""')}"`)}`
  })
  const left = databases.length - shown.length
  return [
    '*Databases left by restores* (drop them when you no longer need them):',
    ...shown,
    ...(left > 0 ? [`… and ${left} more`] : []),
  ]
}
