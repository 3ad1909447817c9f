// Passkeys over the API's begin/finish calls. Written out by hand because not
// every browser in use has PublicKeyCredential.parseCreationOptionsFromJSON.

import { Problem, post } from '../api/client'
import type { Session } from '../api/types'

export const supported = () => typeof PublicKeyCredential !== 'undefined' && isSecureContext

type Json = Record<string, any>

export async function register(): Promise<void> {
  const begun = await post<{ publicKey: Json }>('/v1/session/passkey/register/begin')
  const pk = begun.publicKey
  const publicKey = {
    ...pk,
    challenge: bytes(pk.challenge),
    user: { ...pk.user, id: bytes(pk.user.id) },
    excludeCredentials: (pk.excludeCredentials ?? []).map(descriptor),
  } as unknown as PublicKeyCredentialCreationOptions
  const c = await asked(() => navigator.credentials.create({ publicKey }))
  const r = c.response as AuthenticatorAttestationResponse
  await post<void>('/v1/session/passkey/register/finish', {
    ...common(c),
    response: {
      clientDataJSON: text(r.clientDataJSON),
      attestationObject: text(r.attestationObject),
      transports: r.getTransports?.() ?? [],
    },
  })
}

export async function signIn(): Promise<Session> {
  const begun = await post<{ flow: string; publicKey: Json }>('/v1/session/passkey/login/begin')
  const pk = begun.publicKey
  const publicKey = {
    ...pk,
    challenge: bytes(pk.challenge),
    allowCredentials: (pk.allowCredentials ?? []).map(descriptor),
  } as unknown as PublicKeyCredentialRequestOptions
  const c = await asked(() => navigator.credentials.get({ publicKey }))
  const r = c.response as AuthenticatorAssertionResponse
  return post<Session>('/v1/session/passkey/login/finish', {
    flow: begun.flow,
    response: {
      ...common(c),
      response: {
        clientDataJSON: text(r.clientDataJSON),
        authenticatorData: text(r.authenticatorData),
        signature: text(r.signature),
        userHandle: r.userHandle ? text(r.userHandle) : undefined,
      },
    },
  })
}

async function asked(f: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const c = await f()
    if (c instanceof PublicKeyCredential) return c
  } catch (e) {
    const name = e instanceof DOMException ? e.name : ''
    if (name === 'InvalidStateError') throw new Problem(0, 'Already there', 'This device already has a passkey for you.')
    if (name === 'NotAllowedError') throw new Problem(0, 'No passkey was used', 'It was cancelled, took too long, or this device has none for this address.')
    throw new Problem(0, 'No passkey was used', e instanceof Error ? e.message : '')
  }
  throw new Problem(0, 'No passkey was used', 'The browser gave nothing back.')
}

function common(c: PublicKeyCredential) {
  return {
    id: c.id,
    rawId: text(c.rawId),
    type: c.type,
    authenticatorAttachment: c.authenticatorAttachment ?? undefined,
    clientExtensionResults: c.getClientExtensionResults(),
  }
}

const descriptor = (d: Json) => ({ ...d, id: bytes(d.id) })

export function bytes(s: string): Uint8Array {
  const raw = atob(s.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(raw, (c) => c.charCodeAt(0))
}

export function text(b: ArrayBuffer): string {
  let raw = ''
  for (const x of new Uint8Array(b)) raw += String.fromCharCode(x)
  return btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
