import type { Permission } from '../../adapters/kubernetes/permissions/port.ts'
import type { ServiceConfig } from '../../config/service-schema.ts'

/** Lists every right that a deploy and its rollback use, as deploy/rbac.yaml grants them. */
export function neededPermissions(service: ServiceConfig): readonly Permission[] {
  const { deployment, stripe, cronJobs } = service
  return [
    ...verbs('apps', 'deployments', ['get', 'patch', 'list', 'watch'], deployment),
    ...verbs('apps', 'replicasets', ['list', 'watch']),
    ...verbs('autoscaling', 'horizontalpodautoscalers', ['list']),
    ...verbs('', 'pods', ['list', 'watch']),
    { group: '', resource: 'pods', subresource: 'log', verb: 'get' },
    ...verbs('', 'events', ['list']),
    ...verbs('', 'secrets', ['get', 'patch', 'delete'], stripe.secret.name),
    ...verbs('', 'secrets', ['create']),
    ...cronJobs.flatMap((job) => verbs('batch', 'cronjobs', ['get', 'patch', 'delete'], job.name)),
    ...verbs('batch', 'cronjobs', ['create']),
    ...verbs('batch', 'jobs', ['get', 'list', 'watch', 'create']),
  ]
}

/** Words a right: "patch deployments.apps/valuecanvas-api". */
export function describePermission({ group, resource, subresource, verb, name }: Permission): string {
  const kind = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`
  return `${verb} ${kind}${name === undefined ? '' : `/${name}`}`
}

function verbs(
  group: Permission['group'],
  resource: string,
  list: readonly Permission['verb'][],
  name?: string,
): readonly Permission[] {
  return list.map((verb) => ({ group, resource, verb, ...(name === undefined ? {} : { name }) }))
}
