/** URL paths of the kinds that Purser uses, in one namespace. */
export interface Paths {
  readonly deployments: string
  readonly replicaSets: string
  readonly pods: string
  readonly secrets: string
  readonly events: string
  readonly jobs: string
  readonly cronJobs: string
  readonly autoscalers: string
  log(pod: string): string
}

export function pathsIn(namespace: string): Paths {
  const core = `/api/v1/namespaces/${encodeURIComponent(namespace)}`
  const apps = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}`
  const batch = `/apis/batch/v1/namespaces/${encodeURIComponent(namespace)}`
  return {
    deployments: `${apps}/deployments`,
    replicaSets: `${apps}/replicasets`,
    pods: `${core}/pods`,
    secrets: `${core}/secrets`,
    events: `${core}/events`,
    jobs: `${batch}/jobs`,
    cronJobs: `${batch}/cronjobs`,
    autoscalers: `/apis/autoscaling/v2/namespaces/${encodeURIComponent(namespace)}/horizontalpodautoscalers`,
    log: (pod) => `${core}/pods/${encodeURIComponent(pod)}/log`,
  }
}
