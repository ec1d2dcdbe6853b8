import type { MigrationObstacle } from '../port.ts'

export type ObstacleKind =
  | 'transaction control'
  | 'outside within'
  | 'psql command'
  | 'copy from stdin'
  | 'unnamed index'
  | 'once only'
  | 'session object'

/** What is said of each kind of statement that keeps its file from being applied. */
export const obstacles: Readonly<Record<ObstacleKind, Pick<MigrationObstacle, 'what' | 'fix' | 'code'>>> = {
  'transaction control': {
    code: 'migration_not_transactional',
    what: 'begins or ends a transaction of its own',
    fix: 'Remove BEGIN, COMMIT and ROLLBACK from the file: Purser runs it in a transaction with its ledger row.',
  },
  'outside within': {
    code: 'migration_not_transactional',
    what: "can't run in the transaction that the file has around it",
    fix: 'Remove BEGIN and COMMIT, or put this statement into a file of its own.',
  },
  'psql command': {
    code: 'migration_not_transactional',
    what: 'is a command of psql',
    fix: 'Only SQL runs here, no plain dumps or psql scripts. Remove the line.',
  },
  'copy from stdin': {
    code: 'migration_not_transactional',
    what: 'copies rows from stdin',
    fix: 'Write the rows as INSERT statements.',
  },
  'unnamed index': {
    code: 'migration_not_repeatable',
    what: 'builds an index without a name, so a broken-off build could not be found',
    fix: 'Give the index a name, and write no comment between its words.',
  },
  'once only': {
    code: 'migration_not_repeatable',
    what: 'could not be tried again after a crash',
    fix: 'Run this statement by hand.',
  },
  'session object': {
    code: 'migration_not_repeatable',
    what: 'makes something that ends with the session, in a file that is resumed after a crash',
    fix: 'Put the statements that run concurrently into a file of their own.',
  },
}
