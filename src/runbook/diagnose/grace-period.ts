import type { Cause, Finding, Remedy } from '../../model/diagnosis.ts'
import type { GracePeriodFacts, RowSecurity, ServiceRole } from './grace-period-facts.ts'
import { judged, known, readable } from './seen.ts'
import { counted } from '../../text.ts'

const redeploy: readonly Remedy[] = [{ kind: 'deploy', target: '' }]

/** States what each look at "Grace Period Not Enforcing" found. Pure. */
export function gracePeriodFindings(facts: GracePeriodFacts): readonly Finding[] {
  const { table, logLine } = facts
  return [
    judged('middleware', 'Middleware loaded', facts.pods, (pods) => {
      if (pods === undefined) return { verdict: 'fail', seen: 'no such Deployment' }
      const without = pods.filter((pod) => pod.loaded === 'no')
      const unknown = pods.filter((pod) => pod.loaded === 'unknown')
      const loaded = pods.length - without.length - unknown.length
      const rest = unknown.length === 0 ? '' : `; of ${unknown.length} the beginning of the log is gone`
      return {
        verdict: without.length > 0 || pods.length === 0 ? 'fail' : unknown.length > 0 ? 'unknown' : 'pass',
        seen: `${loaded} of ${counted(pods.length, 'pod')} logged “${logLine}” since the start${rest}`,
        evidence: [...without, ...unknown].map(
          (pod) =>
            `${pod.name}, started ${readable(pod.startedAt)}: ${pod.loaded === 'no' ? 'not logged' : 'cannot be told'}`,
        ),
      }
    }),
    judged('table', `Table ${table}`, facts.existence, ({ exists }) => ({
      verdict: exists ? 'pass' : 'fail',
      seen: exists ? 'exists' : 'does not exist',
    })),
    judged('rows', 'Data in it', facts.rows, (rows) =>
      rows === undefined
        ? { verdict: 'unknown', seen: 'no table' }
        : { verdict: 'pass', seen: `${counted(rows.total, 'grace period')}: ${rows.open} open, ${rows.ended} ended` },
    ),
    judged('security', 'Row-level security', facts.security, (security) => {
      if (security === undefined) return { verdict: 'unknown', seen: 'no table' }
      const { enabled, forced, policies, owner } = security
      const state = enabled ? `on${forced ? ', for the owner too' : ''}` : 'off'
      return {
        verdict: enabled && policies.length === 0 ? 'fail' : 'pass',
        seen: `${state}, ${policies.length === 0 ? 'no policy' : counted(policies.length, 'policy', 'policies')}, owner ${owner}`,
        evidence: policies.map((policy) => `${policy.name}: ${policy.command} for ${policy.roles.join(', ')}`),
      }
    }),
    judged('role', 'Role of the service', facts.security, (security) => {
      if (security === undefined) return { verdict: 'unknown', seen: 'no table' }
      const { roles } = security
      if (roles.length === 0)
        return { verdict: 'unknown', seen: "only Purser is connected. Name the service's role in diagnose.serviceRole" }
      return {
        verdict: roles.some((role) => isShutOut(security, role) || !role.mayRead) ? 'fail' : 'pass',
        seen: roles.map((role) => roleWords(security, role)).join('; '),
      }
    }),
    judged('ledger', 'Migrations', facts.ledger, ({ applied, missing, made }) => ({
      verdict: missing.length > 0 ? 'fail' : 'pass',
      seen:
        missing.length > 0
          ? `${missing.join(', ')} not applied`
          : `${applied} applied${made === undefined ? '' : `, ${made.name} at ${readable(made.appliedAt)}`}`,
    })),
  ]
}

function roleWords(security: RowSecurity, role: ServiceRole): string {
  if (!role.mayRead) return `${role.name} isn't allowed to read the table`
  if (!security.enabled) return `${role.name}, not restricted`
  if (role.bypasses) return `${role.name}, bypasses row-level security`
  if (role.owns && !security.forced) return `${role.name}, the owner, is not restricted`
  return `${role.name}, held by ${counted(policiesFor(security, role).length, 'policy', 'policies')}`
}

/** Lists every cause that the facts show, the most likely first. Pure. */
export function gracePeriodCauses(facts: GracePeriodFacts): readonly Cause[] {
  return [tableMissing(facts), middlewareMissing(facts), mayNotRead(facts), shutOut(facts)].flatMap(
    (cause) => cause ?? [],
  )
}

function tableMissing({ table, existence, ledger }: GracePeriodFacts): Cause | undefined {
  if (known(existence)?.exists !== false) return undefined
  const { made, missing = [] } = known(ledger) ?? {}
  if (made !== undefined)
    return {
      code: 'table_missing',
      sentence: `Table ${table} doesn't exist, although ${made.name} was applied: it was dropped or renamed.`,
      next: 'Look for it under a different name. Otherwise restore it from a backup: `/billing backups`',
      remedies: [],
    }
  return {
    code: 'table_missing',
    sentence: `Table ${table} does not exist${missing.length === 0 ? '' : `: ${missing.join(', ')} was never applied`}.`,
    next: 'Redeploy the current version: it applies what is missing.',
    remedies: redeploy,
  }
}

function middlewareMissing({ pods, logLine }: GracePeriodFacts): Cause | undefined {
  const all = known(pods) ?? []
  const without = all.filter((pod) => pod.loaded === 'no')
  if (without.length === 0) return undefined
  const which =
    without.length === all.length
      ? `None of the ${counted(all.length, 'pod')}`
      : `${without.length} of ${counted(all.length, 'pod')} never`
  return {
    code: 'middleware_not_loaded',
    sentence: `${which} loaded the middleware: “${logLine}” is not in the log since the start, so nothing is enforced there.`,
    next: "Compare the Deployment's image and variables with the last deploy, then deploy the right version again.",
    remedies: redeploy,
  }
}

function mayNotRead({ security, table }: GracePeriodFacts): Cause | undefined {
  const role = known(security)?.roles.find((one) => !one.mayRead)
  if (role === undefined) return undefined
  return {
    code: 'no_privilege',
    sentence: `The service connects as ${role.name}, which isn't allowed to read ${table}.`,
    next: `Grant it: GRANT SELECT ON ${table} TO ${role.name}`,
    remedies: [],
  }
}

/**
 * Names the cause when no policy lets a role see a row: row-level security then shows it an empty table, without an
 * error.
 */
function shutOut({ security, table }: GracePeriodFacts): Cause | undefined {
  const seen = known(security)
  const role = seen?.roles.find((one) => isShutOut(seen, one))
  if (seen === undefined || role === undefined) return undefined
  const none = seen.policies.length === 0
  return {
    code: 'rls_without_policy',
    sentence: `Row-level security on ${table} ${none ? 'has no policy' : `has no policy for ${role.name}`}, so the service (as ${role.name}) sees no rows.`,
    next: 'Restore the policy (see the migration that made it), or connect with a role that bypasses it.',
    remedies: [],
  }
}

function isShutOut(security: RowSecurity, role: ServiceRole): boolean {
  if (!security.enabled || role.bypasses || !role.mayRead) return false
  if (role.owns && !security.forced) return false
  return policiesFor(security, role).length === 0
}

function policiesFor({ policies }: RowSecurity, { name, holds }: ServiceRole) {
  return policies.filter(
    (policy) =>
      (policy.command === 'SELECT' || policy.command === 'ALL') &&
      policy.roles.some((role) => role === 'public' || role === name || holds.includes(role)),
  )
}
