import { Cron } from 'croner'

import {
  type CronJob,
  type Deployment,
  isMap,
  type Job,
  type JsonMap,
  type KubeObject,
  type Pod,
  type PodSpec,
  type PodTemplate,
  same,
  type Secret,
} from './objects.ts'
import type { Resource } from './resources.ts'
import { badRequest, type Cause, forbiddenValue, invalid, invalidValue, required, StatusError } from './status.ts'

/** Fills in the defaults of the API server, on a copy. Applying it twice changes nothing. */
export function withDefaults(resource: Resource, object: KubeObject): KubeObject {
  switch (resource.kind) {
    case 'Deployment':
      return deploymentDefaults(object as Deployment)
    case 'Pod':
      return podDefaults(object as Pod)
    case 'Job':
      return jobDefaults(object as Job)
    case 'CronJob':
      return cronJobDefaults(object as CronJob)
    case 'Secret':
      return secretDefaults(object as Secret)
    default:
      return object
  }
}

function deploymentDefaults(object: Deployment): Deployment {
  const { strategy, ...spec } = object.spec ?? ({} as Deployment['spec'])
  const type = strategy?.type ?? 'RollingUpdate'
  return {
    ...object,
    spec: {
      ...spec,
      replicas: spec.replicas ?? 1,
      template: templateDefaults(spec.template, 'Always'),
      strategy:
        type === 'Recreate'
          ? { type }
          : { type, rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%', ...strategy?.rollingUpdate } },
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
    },
    status: object.status ?? {},
  }
}

function podDefaults(object: Pod): Pod {
  return {
    ...object,
    spec: podSpecDefaults(object.spec ?? { containers: [] }, 'Always'),
    status: object.status ?? { phase: 'Pending', qosClass: 'BestEffort' },
  }
}

function jobDefaults(object: Job): Job {
  const spec = object.spec ?? ({} as Job['spec'])
  return {
    ...object,
    spec: {
      ...spec,
      parallelism: spec.parallelism ?? 1,
      completions: spec.completions ?? 1,
      backoffLimit: spec.backoffLimit ?? 6,
      template: templateDefaults(spec.template, undefined),
      completionMode: spec.completionMode ?? 'NonIndexed',
      suspend: spec.suspend ?? false,
    },
    status: object.status ?? {},
  }
}

function cronJobDefaults(object: CronJob): CronJob {
  const spec = object.spec ?? ({} as CronJob['spec'])
  const jobTemplate = spec.jobTemplate ?? ({ spec: {} } as CronJob['spec']['jobTemplate'])
  return {
    ...object,
    spec: {
      ...spec,
      concurrencyPolicy: spec.concurrencyPolicy ?? 'Allow',
      suspend: spec.suspend ?? false,
      jobTemplate: {
        ...jobTemplate,
        metadata: { creationTimestamp: null, ...jobTemplate.metadata },
        spec: { ...jobTemplate.spec, template: templateDefaults(jobTemplate.spec?.template, undefined) },
      },
      successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? 3,
      failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? 1,
    },
    status: object.status ?? {},
  }
}

function secretDefaults(object: Secret): Secret {
  const { stringData, ...secret } = object
  const written = Object.entries(stringData ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  const data = { ...secret.data, ...(Object.fromEntries(written) as Record<string, string>) }
  const result = { ...secret, type: secret.type ?? 'Opaque' }
  if (Object.keys(data).length > 0) return { ...result, data }
  delete result.data
  return result
}

function templateDefaults(template: PodTemplate | undefined, restartPolicy: 'Always' | undefined): PodTemplate {
  return {
    ...template,
    metadata: { creationTimestamp: null, ...template?.metadata },
    spec: podSpecDefaults(template?.spec ?? { containers: [] }, restartPolicy ?? template?.spec?.restartPolicy),
  }
}

function podSpecDefaults(spec: PodSpec, restartPolicy: PodSpec['restartPolicy']): PodSpec {
  return {
    ...spec,
    containers: (spec.containers ?? []).map((container) => ({
      ...container,
      ...(container.ports ? { ports: container.ports.map((port) => ({ protocol: 'TCP', ...port })) } : {}),
      ...(container.readinessProbe ? { readinessProbe: probeDefaults(container.readinessProbe) } : {}),
      resources: container.resources ?? {},
      terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
      terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
      imagePullPolicy: container.imagePullPolicy ?? 'IfNotPresent',
    })),
    ...(restartPolicy === undefined ? {} : { restartPolicy: spec.restartPolicy ?? restartPolicy }),
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    dnsPolicy: spec.dnsPolicy ?? 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName ?? 'default-scheduler',
  }
}

function probeDefaults(probe: NonNullable<PodSpec['containers'][number]['readinessProbe']>) {
  const httpGet = probe.httpGet ? { path: '/', scheme: 'HTTP', ...probe.httpGet } : undefined
  return {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
    ...probe,
    ...(httpGet ? { httpGet } : {}),
  }
}

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const DNS_SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const DATA_KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

/** The validation that people run into; a real server has much more. Raises 422 with every cause at once. */
export function validate(resource: Resource, object: KubeObject, before: KubeObject | undefined): void {
  const { name } = object.metadata
  const causes: Cause[] = []
  if (!name) causes.push(required('metadata.name', 'Required value: name or generateName is required'))
  else if (!DNS_SUBDOMAIN.test(name) || name.length > 253)
    causes.push(invalidValue('metadata.name', name, DNS_SUBDOMAIN_RULE))
  if (resource.kind === 'Deployment') causes.push(...deploymentCauses(object as Deployment, before as Deployment))
  if (resource.kind === 'Secret') causes.push(...secretCauses(object as Secret, before as Secret | undefined))
  if (resource.kind === 'Job') causes.push(...jobCauses(object as Job, before as Job | undefined))
  if (resource.kind === 'CronJob') causes.push(...cronJobCauses(object as CronJob))
  if (resource.kind === 'Pod') causes.push(...podCauses((object as Pod).spec, 'spec'))
  if (causes.length > 0) throw invalid(resource, name ?? '', causes)
}

function deploymentCauses({ spec }: Deployment, before: Deployment | undefined): Cause[] {
  const causes: Cause[] = []
  const labels = spec.template.metadata?.labels
  const wanted = spec.selector?.matchLabels
  if (!Number.isInteger(spec.replicas) || spec.replicas < 0)
    causes.push(invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'))
  if (wanted === undefined) causes.push(required('spec.selector'))
  if (wanted === undefined || Object.entries(wanted).some(([key, value]) => labels?.[key] !== value))
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'spec.template.metadata.labels',
      message: `Invalid value: ${goMap(labels)}: \`selector\` does not match template \`labels\``,
    })
  if (before !== undefined && wanted !== undefined && !same(before.spec.selector, spec.selector))
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'spec.selector',
      message: `Invalid value: v1.LabelSelector{MatchLabels:${goMap(wanted)}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable`,
    })
  return [...causes, ...podCauses(spec.template.spec, 'spec.template.spec')]
}

const goMap = (labels: Record<string, string> | undefined) =>
  labels === undefined
    ? 'map[string]string(nil)'
    : `map[string]string{${Object.entries(labels)
        .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
        .join(', ')}}`

function podCauses(spec: PodSpec, at: string): Cause[] {
  if (spec.containers.length === 0) return [required(`${at}.containers`)]
  return spec.containers.flatMap((container, index) => {
    const path = `${at}.containers[${index}]`
    const causes: Cause[] = []
    if (!container.name) causes.push(required(`${path}.name`))
    if (!container.image) causes.push(required(`${path}.image`))
    if (spec.containers.findIndex((other) => other.name === container.name) < index)
      causes.push({
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify(container.name)}`,
        field: `${path}.name`,
      })
    return causes
  })
}

function jobCauses({ spec, metadata }: Job, before: Job | undefined): Cause[] {
  const causes = podCauses(spec.template.spec, 'spec.template.spec')
  const policy = spec.template.spec.restartPolicy
  if (policy !== 'OnFailure' && policy !== 'Never')
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'spec.template.spec.restartPolicy',
      message: `Unsupported value: ${JSON.stringify(policy ?? 'Always')}: supported values: "OnFailure", "Never"`,
    })
  if (metadata.name?.length > 63)
    causes.push(invalidValue('metadata.name', metadata.name, 'must be no more than 63 characters'))
  if (before !== undefined && !same(before.spec.template, spec.template))
    causes.push(invalidValue('spec.template', {}, 'field is immutable'))
  return causes
}

function cronJobCauses({ spec, metadata }: CronJob): Cause[] {
  const template = spec.jobTemplate.spec.template.spec
  const causes = podCauses(template, 'spec.jobTemplate.spec.template.spec')
  const wrong = scheduleProblem(spec.schedule ?? '')
  if (!spec.schedule) causes.push(required('spec.schedule'))
  else if (wrong !== undefined) causes.push(invalidValue('spec.schedule', spec.schedule, wrong))
  if (metadata.name?.length > 52)
    causes.push(invalidValue('metadata.name', metadata.name, 'must be no more than 52 characters'))
  if (template.restartPolicy !== 'OnFailure' && template.restartPolicy !== 'Never')
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'spec.jobTemplate.spec.template.spec.restartPolicy',
      message: `Unsupported value: ${JSON.stringify(template.restartPolicy ?? 'Always')}: supported values: "OnFailure", "Never"`,
    })
  return causes
}

const FIELD_LIMITS = [59, 23, 31, 12, 6]

function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) return undefined
  const fields = schedule.trim().split(/\s+/)
  if (fields.length !== 5) return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`
  for (const [index, field] of fields.entries()) {
    const limit = FIELD_LIMITS[index]!
    const above = [...field.matchAll(/(?<![/\d])\d+/g)].map(Number).find((value) => value > limit)
    if (above !== undefined) return `end of range (${above}) above maximum (${limit}): ${field}`
  }
  try {
    new Cron(schedule, { paused: true })
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function secretCauses(secret: Secret, before: Secret | undefined): Cause[] {
  const data = secret.data ?? {}
  const causes = Object.keys(data)
    .filter((key) => !/^[-._a-zA-Z0-9]+$/.test(key))
    .map((key) => invalidValue(`data[${key}]`, key, DATA_KEY_RULE))
  const size = Object.values(data).reduce((total, value) => total + Buffer.from(value, 'base64').length, 0)
  if (size > 1_048_576)
    causes.push({
      reason: 'FieldValueTooLong',
      message: 'Too long: must have at most 1048576 bytes',
      field: 'data',
    })
  if (before === undefined) return causes
  if (before.type !== secret.type) causes.push(invalidValue('type', secret.type, 'field is immutable'))
  if (before.immutable !== true) return causes
  const frozen = 'field is immutable when `immutable` is set'
  if (secret.immutable !== true) causes.push(forbiddenValue('immutable', frozen))
  if (!same(before.data, secret.data)) causes.push(forbiddenValue('data', frozen))
  return causes
}

/** What Go's decoder refuses before any validation: wrong types where people make mistakes, and bad base64. */
export function checkDecodes(resource: Resource, body: JsonMap): void {
  const data = resource.kind === 'Secret' ? body.data : undefined
  const refused = (why: string) =>
    badRequest(`${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`)
  if (isMap(data))
    for (const value of Object.values(data)) {
      if (typeof value !== 'string') throw refused('json: cannot unmarshal value into Go struct field Secret.data')
      const bad = value.search(/[^A-Za-z0-9+/=]/)
      if (bad >= 0 || value.length % 4 !== 0) throw refused(`illegal base64 data at input byte ${Math.max(bad, 0)}`)
    }
  const labels = isMap(body.metadata) ? body.metadata.labels : undefined
  if (isMap(labels))
    for (const value of Object.values(labels))
      if (typeof value !== 'string')
        throw refused('json: cannot unmarshal value into Go struct field ObjectMeta.metadata.labels of type string')
  const replicas = isMap(body.spec) ? body.spec.replicas : undefined
  if (replicas !== undefined && replicas !== null && typeof replicas !== 'number')
    throw refused(
      `json: cannot unmarshal ${typeof replicas} into Go struct field ${resource.kind}Spec.spec.replicas of type int32`,
    )
}

/** A Job's pods are found by a label with its uid; a template gets that label when the Job is created. */
export function withJobSelector(job: Job): Job {
  const { uid, name } = job.metadata
  const labels = { 'controller-uid': uid ?? '', 'job-name': name }
  const { template } = job.spec
  const stamped = {
    ...template,
    metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } },
  }
  const annotations = { 'batch.kubernetes.io/job-tracking': '', ...job.metadata.annotations }
  return {
    ...job,
    metadata: { ...job.metadata, labels: job.metadata.labels ?? labels, annotations },
    spec: { ...job.spec, selector: { matchLabels: { 'controller-uid': uid ?? '' } }, template: stamped },
  }
}

export function tooLarge(limit: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)
}
