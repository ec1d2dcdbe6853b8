import type { JsonMap } from './objects.ts'
import { badRequest } from './status.ts'

/**
 * kubectl 1.32 and later sends protobuf for `create job`, `create secret`, `create namespace` and `auth can-i`, and gives up at a 415. These
 * tables hold the field numbers of Kubernetes' generated.proto files for what such bodies contain; other fields are skipped.
 */
type Field =
  | readonly [name: string, kind: 'text' | 'bytes' | 'number' | 'flag' | 'texts' | 'textMap' | 'bytesMap']
  | readonly [name: string, kind: 'message' | 'messages' | 'inline', message: Message]
type Message = Readonly<Record<number, Field>>

const ownerReference: Message = {
  1: ['kind', 'text'],
  3: ['name', 'text'],
  4: ['uid', 'text'],
  5: ['apiVersion', 'text'],
  6: ['controller', 'flag'],
  7: ['blockOwnerDeletion', 'flag'],
}
const metadata: Message = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  11: ['labels', 'textMap'],
  12: ['annotations', 'textMap'],
  13: ['ownerReferences', 'messages', ownerReference],
}
const reference: Message = { 1: ['name', 'text'] }
const keySelector: Message = {
  1: ['', 'inline', reference],
  2: ['key', 'text'],
  3: ['optional', 'flag'],
}
const environmentSource: Message = { 1: ['', 'inline', reference], 2: ['optional', 'flag'] }
const variableSource: Message = {
  1: ['fieldRef', 'message', { 1: ['apiVersion', 'text'], 2: ['fieldPath', 'text'] }],
  3: ['configMapKeyRef', 'message', keySelector],
  4: ['secretKeyRef', 'message', keySelector],
}
const variable: Message = { 1: ['name', 'text'], 2: ['value', 'text'], 3: ['valueFrom', 'message', variableSource] }
const container: Message = {
  1: ['name', 'text'],
  2: ['image', 'text'],
  3: ['command', 'texts'],
  4: ['args', 'texts'],
  5: ['workingDir', 'text'],
  7: ['env', 'messages', variable],
  13: ['terminationMessagePath', 'text'],
  14: ['imagePullPolicy', 'text'],
  19: [
    'envFrom',
    'messages',
    {
      1: ['prefix', 'text'],
      2: ['configMapRef', 'message', environmentSource],
      3: ['secretRef', 'message', environmentSource],
    },
  ],
  20: ['terminationMessagePolicy', 'text'],
}
const podSpec: Message = {
  2: ['containers', 'messages', container],
  3: ['restartPolicy', 'text'],
  4: ['terminationGracePeriodSeconds', 'number'],
  5: ['activeDeadlineSeconds', 'number'],
  6: ['dnsPolicy', 'text'],
  8: ['serviceAccountName', 'text'],
  19: ['schedulerName', 'text'],
}
const template: Message = { 1: ['metadata', 'message', metadata], 2: ['spec', 'message', podSpec] }
const jobSpec: Message = {
  1: ['parallelism', 'number'],
  2: ['completions', 'number'],
  3: ['activeDeadlineSeconds', 'number'],
  6: ['template', 'message', template],
  7: ['backoffLimit', 'number'],
  8: ['ttlSecondsAfterFinished', 'number'],
  9: ['completionMode', 'text'],
  10: ['suspend', 'flag'],
}
const resourceAttributes: Message = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
}
const kinds: Readonly<Record<string, Message>> = {
  Namespace: { 1: ['metadata', 'message', metadata] },
  Job: { 1: ['metadata', 'message', metadata], 2: ['spec', 'message', jobSpec] },
  Secret: {
    1: ['metadata', 'message', metadata],
    2: ['data', 'bytesMap'],
    3: ['type', 'text'],
    4: ['stringData', 'textMap'],
    5: ['immutable', 'flag'],
  },
  SelfSubjectAccessReview: {
    1: ['metadata', 'message', metadata],
    2: ['spec', 'message', { 1: ['resourceAttributes', 'message', resourceAttributes] }],
  },
  SelfSubjectRulesReview: {
    1: ['metadata', 'message', metadata],
    2: ['spec', 'message', { 1: ['namespace', 'text'] }],
  },
}

/** `k8s\0`, then a runtime.Unknown: type in field 1, the object's own bytes in field 2. */
const MAGIC = Buffer.from('k8s\0')
const envelope: Message = {
  1: ['type', 'message', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }],
  2: ['raw', 'bytes'],
}

export function decodeProtobuf(body: Buffer): JsonMap {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('provided data does not appear to be a protobuf message')
  const { type, raw } = decode(body.subarray(MAGIC.length), envelope) as {
    type?: { apiVersion?: string; kind?: string }
    raw?: string
  }
  const message = kinds[type?.kind ?? '']
  if (message === undefined) throw badRequest(`the simulator reads no protobuf of kind ${type?.kind}`)
  return { ...type, ...decode(Buffer.from(raw ?? '', 'base64'), message) }
}

function decode(bytes: Buffer, message: Message): JsonMap {
  const result: JsonMap = {}
  for (const { number, value } of fieldsOf(bytes)) {
    const field = message[number]
    if (field !== undefined) assign(result, field, value)
  }
  return result
}

function assign(result: JsonMap, field: Field, value: Buffer | number): void {
  const [name, kind] = field
  if (typeof value === 'number') {
    result[name] = kind === 'flag' ? value === 1 : value
    return
  }
  const list = () => (result[name] ??= []) as unknown[]
  const map = () => (result[name] ??= {}) as JsonMap
  if (kind === 'text') {
    if (value.length > 0) result[name] = value.toString()
  } else if (kind === 'bytes') result[name] = value.toString('base64')
  else if (kind === 'texts') list().push(value.toString())
  else if (kind === 'textMap' || kind === 'bytesMap') {
    const entry = Object.fromEntries([...fieldsOf(value)].map((one) => [one.number, one.value as Buffer]))
    map()[entry[1]?.toString() ?? ''] = entry[2]?.toString(kind === 'bytesMap' ? 'base64' : 'utf8') ?? ''
  } else if (kind === 'message') result[name] = decode(value, field[2])
  else if (kind === 'messages') list().push(decode(value, field[2]))
  else if (kind === 'inline') Object.assign(result, decode(value, field[2]))
}

function* fieldsOf(bytes: Buffer): Generator<{ number: number; value: Buffer | number }> {
  let at = 0
  const varint = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at]
      if (byte === undefined) throw badRequest('unexpected EOF in a protobuf message')
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw badRequest('unexpected EOF in a protobuf message')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const wire = tag & 7
    if (wire === 0) yield { number: tag >> 3, value: varint() }
    else if (wire === 2) yield { number: tag >> 3, value: take(varint()) }
    else if (wire === 1) take(8)
    else if (wire === 5) take(4)
    else throw badRequest(`proto: illegal wireType ${wire}`)
  }
}
