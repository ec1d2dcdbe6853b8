import { type ErrorFacts, PurserError } from '../errors.ts'

/** A check of the runbook says no: the phase fails, people decide. */
export class CheckFailed extends PurserError {
  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(code, message, facts)
  }
}

/** What was approved is no longer what would happen: the run is planned and approved again. */
export class PlanOutdated extends PurserError {
  constructor(what: string) {
    super('plan_outdated', `the approved plan no longer holds: ${what}`, {
      hint: 'The plan is made again and needs a new approval.',
    })
  }
}
