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
  return refusal(`${sentence(reason)} Nothing changed.`, hint)
}

export function notNow(): Message {
  return refusal('Something went wrong. Nothing changed.', "Purser's database may be away. Try again in a minute.")
}

// These are for deploy, retry and cancel.

export const noVersionChosen = 'Choose one of the tags.'

/** `environments`: those that were looked at. */
export function nothingHasFailed(environments: readonly string[]): Message {
  return refusal(`Nothing to retry in ${joined(environments, 'or')}.`, 'See `/billing status`.')
}

export function nothingToCancel(environments: readonly string[]): Message {
  return refusal(
    `Nothing running or waiting in ${joined(environments, 'or')}.`,
    'For finished runs: `/billing history`',
  )
}

// These are for rollback.

export function nothingToRollBack(environments: readonly string[]): Message {
  return refusal(`Nothing to roll back in ${joined(environments, 'or')}.`, 'For past runs: `/billing history`')
}

export function rollbackRefused(run: Run, why: RollbackRefusal): Message {
  return refusal(rollbackRefusalText(run, why))
}

export function noRevisionToGoBackTo(run: number): Message {
  return refusal(`Run #${run} didn't change the Deployment, so there's no revision to roll back to.`)
}

export function undoListChanged(): Message {
  return refusal(
    'The list of changes to undo has changed since you opened the dialog.',
    'Press Roll back again and review the new list.',
  )
}

export function deploymentChanged(): Message {
  return refusal(
    'The Deployment has changed since you opened the dialog.',
    'Press Roll back again and review what runs now.',
  )
}

export function schemaTooNew(schema: SchemaRefusal): Message {
  const { why, next } = schemaTooNewWords(schema)
  return refusal(`${why} Nothing changed.`, next)
}

// These are for restore.

const listBackups = 'See `/billing backups`.'

/** Says that there is no backup. `asked` is the one that was named; undefined when any would have done. */
export function noBackup(environment: string, asked: string | undefined): Message {
  return refusal(
    asked === undefined ? `No backup of ${environment}.` : `No backup ${asked} of ${environment}.`,
    listBackups,
  )
}

export function backupRemoved(file: string): Message {
  return refusal(`Backup ${file} was removed.`, listBackups)
}

export function stopWatchFirst(run: number): Message {
  return refusal(
    `Run #${run} is being monitored, so its rollback starts from its board.`,
    'Press Roll back there, or stop monitoring and repeat the command.',
  )
}

/** Says that what was typed is not the environment's name. Plain text: it is shown below the field. */
export function wrongNameTyped(typed: string, environment: string): string {
  return `You typed “${typed}”. Type “${environment}” to confirm.`
}

// These are for diagnose and fix.

export function noSubjectChosen(): Message {
  return refusal('Choose what to diagnose.')
}

export function noDiagnosis(run: number): Message {
  return refusal(`Run #${run} isn't a diagnosis.`, 'To diagnose: `/billing diagnose`')
}

export function remedyNotProposed(run: number): Message {
  return refusal(`Run #${run} doesn't propose that fix.`, 'To check again: `/billing diagnose`')
}

export function diagnosisStale(environment: string, stale: StaleDiagnosis): Message {
  return refusal(`${staleText(environment, stale)} Nothing changed.`, 'Press Diagnose again and use its fix.')
}

function staleText(environment: string, stale: StaleDiagnosis): string {
  switch (stale.reason) {
    case 'acted_on':
      return `Run #${stale.by} is already fixing this.`
    case 'old':
      return `This diagnosis is ${stale.minutes} min old.`
    case 'changed_since':
      return `Run #${stale.by} has changed ${environment} since.`
  }
}

// These are for lock and unlock.

/** Plain text: it is shown below the field that lacks it. */
export const noReasonGiven = 'Give a reason (3–300 characters). Everyone sees it.'

export function lockNotUnderstood(problem: string): Message {
  return refusal(`${problem} Not locked.`)
}

export function unlockedMeanwhile(environment: string): Message {
  return refusal(`${environment} was just unlocked.`, 'To lock it: `/billing lock REASON`')
}

export function wasNotLocked(environment: string): Message {
  return refusal(`${environment} wasn't locked.`)
}

/** Says that it was done, but that Slack did not take its announcement in every channel. */
export function notEverybodyTold(announcement: Message): Message {
  return refusal(
    announcement.text.replaceAll(/[*`]|:\w+: /g, ''),
    "Slack didn't post this in every channel. Tell people yourself.",
  )
}
