import type { PurserConfig } from '../config/purser-yaml.ts'
import type { FixPlan } from '../model/diagnosis.ts'
import type { UndoPlan } from '../model/undo-plan.ts'
import { comparedConfiguration } from '../runbook/confirm/compared-configuration.ts'

/** Binds a plan that needs no planning phase to the settings under which people decide on it. */
export function boundPlan<P extends UndoPlan | FixPlan>(plan: P, environment: string, config: PurserConfig): P {
  const settings = config.environments[environment]
  if (settings === undefined) return plan
  return { ...plan, configuration: comparedConfiguration(config.service, settings) }
}
