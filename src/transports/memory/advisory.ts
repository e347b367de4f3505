/** What a broker tells whoever watches over it. */
export type Advisory =
  | {
      readonly kind: 'maxDeliveries';
      readonly stream: string;
      readonly consumer: string;
      readonly sequence: number;
      readonly attempts: number;
    }
  | {
      readonly kind: 'terminated';
      readonly stream: string;
      readonly consumer: string;
      readonly sequence: number;
      readonly attempts: number;
      readonly reason: string | undefined;
    };
