// SPDX-License-Identifier: Apache-2.0
// What an application does with the AWS Encryption SDK for JavaScript; prints what it saw as JSON.
// Usage: encryption_sdk.mjs KEY-ARN MESSAGE-FROM-ELSEWHERE MESSAGE-FOR-ELSEWHERE

import { readFileSync, writeFileSync } from 'node:fs'
import {
  buildClient, CommitmentPolicy, getLocalCryptographicMaterialsCache, KmsKeyringNode,
  NodeCachingMaterialsManager
} from '@aws-crypto/client-node'

const [key, fromElsewhere, forElsewhere] = process.argv.slice(2)
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const keyring = new KmsKeyringNode({ generatorKeyId: key })
const encryptionContext = { purpose: 'client-test', tenant: 'a' }
const ledger = Buffer.from('the ledger '.repeat(1000))

async function roundTrip () {
  const { result } = await encrypt(keyring, ledger, { encryptionContext })
  const { plaintext, messageHeader } = await decrypt(keyring, result)
  writeFileSync(forElsewhere, result)
  return {
    same: plaintext.equals(ledger),
    hidden: !result.includes('the ledger'),
    tenant: messageHeader.encryptionContext.tenant
  }
}

async function elsewhere () {
  const { plaintext } = await decrypt(keyring, readFileSync(fromElsewhere))
  return plaintext.equals(ledger)
}

async function cached () {
  const manager = new NodeCachingMaterialsManager({
    backingMaterials: keyring,
    cache: getLocalCryptographicMaterialsCache(10),
    maxAge: 60 * 1000,
    maxMessagesEncrypted: 5
  })
  for (let number = 0; number < 10; number++) {
    await encrypt(manager, ledger, { encryptionContext, plaintextLength: ledger.length })
  }
}

async function tampered () {
  const { result } = await encrypt(keyring, ledger, { encryptionContext })
  const at = result.indexOf('client-test')
  result[at] ^= 1
  return decrypt(keyring, result).then(() => false, () => true)
}

const said = {
  roundTrip: await roundTrip(), elsewhere: await elsewhere(), tampered: await tampered()
}
await cached()
console.log(JSON.stringify(said))
