import type { EnvironmentConfig } from '../../config/environment-schema.ts'
import type { ServiceConfig } from '../../config/service-schema.ts'
import { type Configuration, flattened } from '../../model/configuration.ts'
import { maskUserinfo } from '../../outside-text/userinfo.ts'

/**
 * The settings that a plan is bound to. Two parts of an environment are not: whom to call changes nothing of what is done
 * (`contacts`), and who may ask and approve, where, and how many of them, is asked anew whenever somebody presses and when
 * the run takes its slot (`jobs/approvals-needed.ts`), so a person who may no longer approve does not count, whatever the plan says.
 * A password in a URL is masked, as the state database keeps a plan without it: another one is seen by the endpoint that it needs.
 */
export function comparedConfiguration(service: ServiceConfig, environment: EnvironmentConfig): Configuration {
  const { contacts: _contacts, policy, ...rest } = environment
  const { autoRollback, rollbackButtonHours, after } = policy
  const all = {
    ...flattened(service, 'service'),
    ...flattened({ ...rest, policy: { autoRollback, rollbackButtonHours, after } }, 'environment'),
  }
  return Object.fromEntries(Object.entries(all).map(([key, text]) => [key, maskUserinfo(text)]))
}
