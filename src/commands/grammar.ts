import { help } from '../messages/answers/answers.ts'
import { mistyped } from '../nearest.ts'
import { backupsCommand } from './backups.ts'
import { cancelCommand, retryCommand } from './decide.ts'
import { deployCommand, planCommand } from './deploy.ts'
import { diagnoseCommand } from './diagnose.ts'
import { command, type Row, slashCommand, type Understood } from './grammar/row.ts'
import { firstWord } from './grammar/typed.ts'
import { historyCommand } from './history.ts'
import { lockCommand, unlockCommand } from './lock.ts'
import { tell } from './respond.ts'
import { promoteCommand } from './promote.ts'
import { restoreCommand } from './restore.ts'
import { rollbackCommand } from './rollback.ts'
import { statusCommand } from './status.ts'
import { verifyCommand } from './verify.ts'

const helpCommand = command('help', {
  does: 'list every command',
  may: 'everyone',
  answer: 'message',
  takes: {},
  ignoresRest: true,
  examples: ['help'],
  act: () => tell(help(grammar)),
})

/**
 * Everything that people can type after `/billing`: each command is one row, declared in the file that carries it out.
 * The parser below, the usage text, the help, the page docs/commands.md (`npm run schema` writes it), and the composer
 * and `--play` of the sandbox all read this table.
 */
export const grammar: readonly Row[] = [
  deployCommand,
  planCommand,
  promoteCommand,
  statusCommand,
  verifyCommand,
  diagnoseCommand,
  backupsCommand,
  restoreCommand,
  rollbackCommand,
  retryCommand,
  cancelCommand,
  historyCommand,
  lockCommand,
  unlockCommand,
  helpCommand,
]

type Parsed =
  | Understood
  | {
      readonly ok: false
      readonly kind: 'unknown'
      readonly typed: string
      readonly nearest: string | undefined
      readonly usage: string
    }
  | { readonly ok: false; readonly kind: 'wrong'; readonly text: string; readonly usage: string }

/**
 * Reads the text after `/billing`: it is understood, or has one clear problem. `environments` are the configured names.
 * Pure.
 */
export function parseCommand(text: string, environments: readonly string[]): Parsed {
  const begun = firstWord(text)
  // Whoever copies a whole command types its name twice.
  const { word, rest } = begun.word === slashCommand ? firstWord(begun.rest) : begun
  const typed = word === '' ? 'help' : word
  const row = rowOf(typed.toLowerCase())
  if (row === undefined) {
    const nearest = mistyped(
      typed.toLowerCase(),
      grammar.map(({ name }) => name),
    )
    return { ok: false, kind: 'unknown', typed, nearest, usage: rowOf(nearest ?? 'help')?.usage ?? '' }
  }
  const read = row.parse(rest, environments)
  return read.ok ? read : { ok: false, kind: 'wrong', text: read.problem, usage: row.usage }
}

function rowOf(name: string): Row | undefined {
  return grammar.find((row) => row.name === name)
}
