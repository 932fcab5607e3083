import { uniqueNamespace } from "@escapement/testing";

/** A key that nobody else has, with a hash tag, so that on Redis Cluster the epoch's lies with it. */
export const uniqueKey = (name: string): string => `{${uniqueNamespace(name)}}`;
