import type { MigrationObstacle } from '../port.ts'

export type ObstacleKind =
  | 'transaction control'
  | 'outside within'
  | 'psql command'
  | 'copy from stdin'
  | 'unnamed index'
  | 'once only'
  | 'session object'
  | 'session forgotten'
  | 'leans on a transaction'
  | 'transaction mode'
  | 'new enum value'
  | 'commits'
  | 'escaping strings'
  | 'other encoding'
  | 'not UTF-8'
  | 'zero byte'
  | 'syntax error'
  | 'psql variable'

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
    fix: 'Give the index a plain name.',
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
  'session forgotten': {
    code: 'migration_not_transactional',
    what: 'forgets everything of its session, with the lock by which migrations wait for each other',
    fix: 'Remove the statement: every file has a session of its own.',
  },
  'leans on a transaction': {
    code: 'migration_not_transactional',
    what: 'relies on one transaction, in a file whose statements run one by one',
    fix: 'Put the statements that run outside a transaction into a file of their own.',
  },
  'transaction mode': {
    code: 'migration_not_transactional',
    what: 'sets the mode of its transaction, which has begun before',
    fix: 'Remove the statement.',
  },
  'new enum value': {
    code: 'migration_not_transactional',
    what: 'writes a new enum value that the same file adds, which the server may refuse in one transaction',
    fix: 'Put ALTER TYPE … ADD VALUE into a file of its own before this one.',
  },
  commits: {
    code: 'migration_not_transactional',
    what: 'commits or rolls back inside, which the server refuses within the transaction of the file',
    fix: 'Take COMMIT and ROLLBACK out of the body, or run this statement by hand.',
  },
  'escaping strings': {
    code: 'migration_unreadable',
    what: 'has the server read backslashes in strings otherwise',
    fix: "Remove the statement, and write such strings as E'…'.",
  },
  'other encoding': {
    code: 'migration_unreadable',
    what: 'says that the file is in another encoding than UTF-8',
    fix: 'Save the file as UTF-8 and remove the statement.',
  },
  'not UTF-8': {
    code: 'migration_unreadable',
    what: "holds bytes that aren't UTF-8",
    fix: 'Save the file as UTF-8.',
  },
  'zero byte': {
    code: 'migration_unreadable',
    what: 'holds a zero byte, behind which the server reads nothing',
    fix: 'Save the file as UTF-8.',
  },
  'syntax error': {
    code: 'syntax_error',
    what: 'has a syntax error',
    fix: 'Correct the SQL.',
  },
  'psql variable': {
    code: 'migration_not_transactional',
    what: 'uses a variable of psql',
    fix: 'Only SQL runs here. Write the value itself.',
  },
}
