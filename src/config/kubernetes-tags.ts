import { Scalar, type ScalarTag } from 'yaml'

/**
 * What a plain word means to kubectl, which reads YAML 1.1 as gopkg.in/yaml.v2 does: 0400 is 256, yes and on are true,
 * 1:30 and 2001-01-01 are texts. Whatever is in quotes, or matches none of these, is a text.
 */

const nothing: ScalarTag = {
  tag: 'tag:yaml.org,2002:null',
  default: true,
  test: /^(?:~|null|Null|NULL)?$/,
  resolve: () => new Scalar(null),
}

const yes = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const boolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => yes.test(text),
}

/** As Go's ParseInt with base 0: the prefix says the base, a leading 0 means octal, and underscores count for nothing. */
const integer: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?(?:0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[bB]_*[01][01_]*|0[oO]_*[0-7][0-7_]*|0[0-7_]*|[1-9][0-9_]*)$/,
  resolve: (text, onError) => {
    const [, sign = '', digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', '')) ?? []
    const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits)
    if (!Number.isSafeInteger(value)) onError(`the number ${text} is too large`)
    return sign === '-' && value !== 0 ? -value : value
  },
}

/** Digits that are no octal number are a decimal one: 08 is 8. */
const decimal: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  test: /^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  resolve: (text, onError) => {
    const value = Number(text.replaceAll('_', ''))
    if (!Number.isFinite(value)) onError(`${text} isn't a number that JSON has`)
    return value
  },
}

/** A time is passed on as it was written, and so is a word with a tag that nobody knows. */
const timestamp: ScalarTag = { tag: 'tag:yaml.org,2002:timestamp', resolve: (text) => text }

const binary: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text) => Buffer.from(text, 'base64').toString('utf8'),
}

export const kubernetesTags: readonly ScalarTag[] = [nothing, boolean, integer, decimal, timestamp, binary]
