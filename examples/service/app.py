"""A service that keeps notes in a database."""

from fastapi import FastAPI
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
app = FastAPI()


@app.get("/notes")
def notes() -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(Note.text)))
