"""Ids as requests and answers hold them: prefixed outside, UUIDs inside."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from billing.domain.public_ids import Kind, NotAnId, number_of, numbered_id, public_id, uuid_of


@dataclass(frozen=True, slots=True)
class IdOf:
    """Has a field read and written as the id of one kind of object. An id of another kind is refused by name."""

    kind: Kind

    def read(self, told: object) -> UUID:
        """Return the UUID of an id.

        :raises ValueError: it is none of this kind.
        """
        if isinstance(told, UUID):
            return told
        if not isinstance(told, str):
            raise NotAnId(f"must be text such as {self.written(UUID(int=0))}")
        return uuid_of(self.kind, told)

    def written(self, value: UUID) -> str:
        return public_id(self.kind, value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(self.written, return_schema=core_schema.str_schema())
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # Of the last letter's five bits a UUID fills three.
        return {"type": "string", "pattern": f"^{self.kind}_[a-z2-7]{{25}}[aeimquy4]$"}


@dataclass(frozen=True, slots=True)
class NumberOf:
    """Has a field read and written as the id of something that is counted, such as ``evt_42``."""

    kind: Kind

    def read(self, told: object) -> int:
        """Return the number of an id.

        :raises ValueError: it is none of this kind.
        """
        if isinstance(told, int) and not isinstance(told, bool):
            return told
        if not isinstance(told, str):
            raise NotAnId(f"must be text such as {self.written(42)}")
        return number_of(self.kind, told)

    def written(self, value: int) -> str:
        return numbered_id(self.kind, value)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(self.written, return_schema=core_schema.str_schema())
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.kind}_(0|[1-9][0-9]{{0,17}})$"}


CustomerId = Annotated[UUID, IdOf(Kind.CUSTOMER)]
SubscriptionId = Annotated[UUID, IdOf(Kind.SUBSCRIPTION)]
InvoiceId = Annotated[UUID, IdOf(Kind.INVOICE)]
ChargeId = Annotated[UUID, IdOf(Kind.CHARGE)]
RefundId = Annotated[UUID, IdOf(Kind.REFUND)]
ObligationId = Annotated[UUID, IdOf(Kind.REFUND_OBLIGATION)]
SourceId = Annotated[UUID, IdOf(Kind.SOURCE)]
PriceId = Annotated[UUID, IdOf(Kind.PRICE)]
KeyId = Annotated[UUID, IdOf(Kind.API_KEY)]
EndpointId = Annotated[UUID, IdOf(Kind.WEBHOOK_ENDPOINT)]
DeliveryId = Annotated[UUID, IdOf(Kind.DELIVERY)]
EventId = Annotated[int, NumberOf(Kind.EVENT)]
