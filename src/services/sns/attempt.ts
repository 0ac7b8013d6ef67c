/** How one attempt to deliver went. */
export type Attempt =
  | { readonly isDelivered: true }
  | {
      readonly isDelivered: false;
      /** Trying again will not help. */
      readonly isPermanent: boolean;
      readonly reason: string;
    };
