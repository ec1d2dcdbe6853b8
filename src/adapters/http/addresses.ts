import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { PurserError } from '../../errors.ts'

/** The address is one that only machines among themselves ask, and that hands out their credentials. */
class AddressRefused extends PurserError {
  readonly code = 'http_address_refused'
}

/** Link-local addresses, among them the metadata services of most clouds, and those of the others. */
const refused = new BlockList()
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('fe80::', 10, 'ipv6')
// AWS by IPv6: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
refused.addAddress('fd00:ec2::254', 'ipv6')
// Alibaba Cloud, Oracle Cloud's former one, and Azure's platform address.
for (const address of ['100.100.100.200', '192.0.0.192', '168.63.129.16']) refused.addAddress(address, 'ipv4')

/**
 * Raises AddressRefused when the URL's host is, or resolves to, a link-local or metadata address. A name that does not resolve
 * passes: asking it gives the better error. Between this look and the request a name server may change its mind.
 */
export async function refuseLinkLocal(url: string, doing: string): Promise<void> {
  if (!URL.canParse(url)) return
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const found =
    isIP(host) > 0
      ? [host]
      : await lookup(host, { all: true }).then(
          (all) => all.map(({ address }) => address),
          () => [],
        )
  const bad = found.find((address) => refused.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))
  if (bad === undefined) return
  throw new AddressRefused(
    `${doing}: ${host === bad ? bad : `${host} is ${bad}, which`} is a link-local or metadata address`,
    {
      hint: 'Correct the URL, or set allowLinkLocal: true for that environment in purser.yaml.',
    },
  )
}
