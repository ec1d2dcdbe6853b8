import { type Configuration, settingsDrift } from '../../model/configuration.ts'
import { differenceWords } from '../../model/plan-difference.ts'
import { CheckFailed } from '../errors.ts'
import type { Phase, PhaseContext } from '../phase.ts'
import { comparedConfiguration } from './compared-configuration.ts'

/** A phase that does nothing under other settings than those that people decided under; only `underSameSettings` makes one. */
export interface SettingsBoundPhase extends Phase {
  readonly comparesSettings: true
}

/** Puts the comparison before a phase of a rollback or a fix, also when another worker takes it up again. */
export function underSameSettings(phase: Phase): SettingsBoundPhase {
  const act: Phase = async (context) => {
    confirmSettings(context)
    return phase(context)
  }
  return Object.assign(act, { comparesSettings: true } as const)
}

/**
 * What neither a rollback nor a fix acts by. A rollback is typed in an emergency, so a number that is monitored, or a test
 * that is run before a deploy, must not stand in its way.
 */
const immaterial =
  /^(?:service\.(?:credentials|e2e|image\.build|monitor|phases|preflight|verify)|environment\.(?:build|e2e|policy))(?:[.[]|$)/

function confirmSettings({ run, service, environment }: PhaseContext): void {
  const { plan } = run
  if (plan?.kind !== 'undo' && plan?.kind !== 'fix') throw new Error(`run #${run.number} has no plan to compare with`)
  // A run that was begun by an earlier version of Purser carries no settings, and goes on.
  if (plan.configuration === undefined) return
  const now = material(comparedConfiguration(service, environment))
  const lines = settingsDrift(material(plan.configuration), now, (key) => `${key} in purser.yaml`).map(differenceWords)
  const [first] = lines
  if (first === undefined) return
  throw new CheckFailed('settings_changed', `comparing purser.yaml with what was confirmed: ${first}`, {
    evidence: lines,
    hint: 'Restore purser.yaml and retry. Or leave this run and start a new one: nothing is done twice.',
  })
}

function material(settings: Configuration): Configuration {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !immaterial.test(key)))
}
