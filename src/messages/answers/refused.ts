import type { Run } from '../../model/run.ts'
import type { SchemaRefusal } from '../../model/schema-compatibility.ts'
import type { StaleDiagnosis } from '../../model/stale-diagnosis.ts'
import type { RollbackRefusal } from '../../model/why-not-roll-back.ts'
import { sentence } from '../../text.ts'
import { joined, type Message } from '../blocks/message.ts'
import { rollbackRefusalText, schemaTooNewWords } from '../refusals.ts'
import { refusal } from './answers.ts'

/** What a command answers instead of doing what it was asked for, by command. Only the person who asked reads it. */

// These answers are for every command.

/** Says why not; `reason` is an error's message. */
export function refusedBecause(reason: string, hint: string | undefined): Message {
  return refusal(`${sentence(reason)} Nothing was changed.`, hint)
}

export function notNow(): Message {
  return refusal(
    'Purser could not do that now; nothing was changed.',
    'Its database may be away: try again in a minute.',
  )
}

// These are for deploy, retry and cancel.

export function noVersionChosen(): Message {
  return refusal('No version was chosen.', 'Choose one of the tags.')
}

/** `environments`: those that were looked at. */
export function nothingHasFailed(environments: readonly string[]): Message {
  return refusal(
    `No run of ${joined(environments, 'or')} has failed and waits for a decision.`,
    '/billing status shows what there is.',
  )
}

export function nothingToCancel(environments: readonly string[]): Message {
  return refusal(
    `Nothing is running or waiting in ${joined(environments, 'or')}.`,
    '/billing history shows finished runs.',
  )
}

// These are for rollback.

export function nothingToRollBack(environments: readonly string[]): Message {
  return refusal(
    `There is no deploy or restore of ${joined(environments, 'or')} whose changes could be undone.`,
    '/billing history shows what there was.',
  )
}

export function rollbackRefused(run: Run, why: RollbackRefusal): Message {
  return refusal(rollbackRefusalText(run, why))
}

export function noRevisionToGoBackTo(run: number): Message {
  return refusal(`Run #${run} did not change the deployment: it has no revision to go back to.`)
}

export function undoListChanged(): Message {
  return refusal(
    'What would be undone has changed since the dialog was opened.',
    'Press Roll back again and look at the new list.',
  )
}

export function deploymentChanged(): Message {
  return refusal(
    'The deployment has changed since the dialog was opened.',
    'Press Roll back again and look at what runs now.',
  )
}

export function schemaTooNew(run: number, schema: SchemaRefusal): Message {
  const { why, next } = schemaTooNewWords(run, schema)
  return refusal(`${why} Nothing was changed.`, next)
}

// These are for restore.

const listBackups = '/billing backups lists those that there are.'

/** Says that there is no backup. `asked` is the one that was named; undefined when any would have done. */
export function noBackup(environment: string, asked: string | undefined): Message {
  const text = asked === undefined ? `There is no backup of ${environment}.` : `${environment} has no backup ${asked}.`
  return refusal(`${text} Nothing was changed.`, listBackups)
}

export function backupRemoved(file: string): Message {
  return refusal(`${file} has been removed since. Nothing was changed.`, listBackups)
}

export function stopWatchFirst(run: number): Message {
  return refusal(
    `Run #${run} is being watched, and its rollback begins with the watch. Nothing was changed.`,
    'Press Stop watching on its board, then type it again.',
  )
}

/** Says that what was typed is not the environment's name. `command` asks for the same again. */
export function wrongNameTyped(typed: string, environment: string, command: string): Message {
  return refusal(`You typed “${typed}”, not “${environment}”. Nothing was changed.`, `Ask again: ${command}`)
}

// These are for diagnose and fix.

export function noSubjectChosen(): Message {
  return refusal('Nothing was chosen.', 'Choose what to diagnose.')
}

export function noDiagnosis(run: number): Message {
  return refusal(`Run #${run} is no diagnosis.`, '/billing diagnose')
}

export function remedyNotProposed(run: number): Message {
  return refusal(`Run #${run} does not propose that.`, '/billing diagnose looks again.')
}

export function diagnosisStale(environment: string, stale: StaleDiagnosis): Message {
  return refusal(
    `${staleText(environment, stale)} Nothing was changed.`,
    'Press Diagnose again, and act on what it says.',
  )
}

function staleText(environment: string, stale: StaleDiagnosis): string {
  switch (stale.reason) {
    case 'acted_on':
      return `Run #${stale.by} acts on this diagnosis already.`
    case 'old':
      return `This diagnosis is ${stale.minutes} minutes old.`
    case 'changed_since':
      return `Run #${stale.by} has changed ${environment} since.`
  }
}

// These are for lock and unlock.

export function noReasonGiven(): Message {
  return refusal('Say why, in 3 to 300 letters: others will read it.', 'Nothing was changed.')
}

export function lockNotUnderstood(problem: string): Message {
  return refusal(`${problem} Nothing was locked.`)
}

export function unlockedMeanwhile(environment: string): Message {
  return refusal(`${environment} was unlocked again at this moment.`, '/billing lock REASON')
}

export function wasNotLocked(environment: string): Message {
  return refusal(`${environment} was not locked. Nothing was changed.`)
}

/** Says that it was done, but that Slack did not take its announcement in every channel. */
export function notEverybodyTold(announcement: Message): Message {
  return refusal(
    announcement.text.replaceAll(/[*`]|:\w+: /g, ''),
    'Not everybody could be told: Slack did not take the message.',
  )
}
